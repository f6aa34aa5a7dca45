// The process `cooper lsp` and the talk with it.

import * as vscode from 'vscode';
import { type Executable, LanguageClient, type LanguageClientOptions, State } from 'vscode-languageclient/node';
import { Heredocs } from './heredocs';
import { find } from './program';
import { Requests } from './requests';
import type { Status } from './status';

const LANGUAGE = 'dockerfile';

/** The server's commands that run what a Dockerfile says: not in folders that are not trusted. */
const RUNS = ['cooper.build', 'cooper.buildTo', 'cooper.run', 'cooper.shell'];

/** Whether the window's folders allow a command of the server; tells the user when they do not. */
function isAllowed(command: string): boolean {
  if (vscode.workspace.isTrusted || !RUNS.includes(command)) {
    return true;
  }
  void askForTrust();
  return false;
}

async function askForTrust(): Promise<void> {
  const manage = 'Manage Trust';
  const choice = await vscode.window.showWarningMessage(
    'Nothing is built or run in a folder that is not trusted.',
    manage,
  );
  if (choice === manage) {
    await vscode.commands.executeCommand('workbench.trust.manage');
  }
}

/** At most one server of this window. */
export class Server implements vscode.Disposable {
  private readonly log = vscode.window.createOutputChannel('Cooper', { log: true });
  private readonly watch: vscode.Disposable;
  private client: LanguageClient | undefined;
  /** Restarts come one after the other, or one of two servers would be forgotten. */
  private restarting: Promise<void> = Promise.resolve();

  constructor(private readonly status: Status) {
    this.watch = vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('cooper.path')) {
        void this.restart();
      }
    });
  }

  /** Starts it, or tells the user why that cannot be. */
  async start(): Promise<void> {
    const found = find(vscode.workspace.getConfiguration('cooper').get('path', ''));
    if ('problem' in found) {
      this.status.failed(found.problem);
      // Not awaited: the question may stand there for hours.
      void askForProgram(found.problem);
      return;
    }
    const client = this.create(found.program);
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      // The client has told the user and the log; here it is only remembered.
      this.status.failed(`${found.program} lsp: ${String(error)}`);
    }
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client?.needsStop()) {
      await client.stop();
    }
    await client?.dispose();
  }

  restart(): Promise<void> {
    this.restarting = this.restarting
      // What kept the one before is told already.
      .catch(() => undefined)
      .then(() => this.stop())
      .then(() => this.start());
    return this.restarting;
  }

  showLog(): void {
    this.log.show();
  }

  /** Asks the server to do a command of its own with a document, at a place of it. */
  async execute(command: string, uri: string, place: object): Promise<void> {
    if (!isAllowed(command)) {
      return;
    }
    if (this.client?.state !== State.Running) {
      void vscode.window.showWarningMessage('The language server `cooper lsp` is not running.');
      return;
    }
    await this.client.sendRequest('workspace/executeCommand', { command, arguments: [uri, place] });
  }

  dispose(): void {
    this.watch.dispose();
    this.log.dispose();
  }

  private create(program: string): LanguageClient {
    const executable: Executable = { command: program, args: ['lsp'] };
    const heredocs = new Heredocs();
    const options: LanguageClientOptions = {
      documentSelector: [
        { scheme: 'file', language: LANGUAGE },
        { scheme: 'untitled', language: LANGUAGE },
      ],
      outputChannel: this.log,
      synchronize: { configurationSection: 'cooper' },
      initializationOptions: vscode.workspace.getConfiguration('cooper'),
      middleware: {
        ...heredocs.middleware,
        // Lenses and actions call the server's commands by themselves.
        executeCommand: (command, args, next) => (isAllowed(command) ? next(command, args) : undefined),
      },
    };
    const client = new LanguageClient('cooper', 'Cooper', executable, options);
    client.registerFeature(new Requests(client));
    heredocs.serve(client);
    client.onDidChangeState(({ newState }) => {
      switch (newState) {
        case State.Starting:
          return this.status.starting();
        case State.Running:
          return this.status.running(program, client.initializeResult?.serverInfo?.version);
        case State.Stopped:
          return this.status.failed('the language server has stopped');
      }
    });
    return client;
  }
}

async function askForProgram(problem: string): Promise<void> {
  const settings = 'Open Setting';
  const choice = await vscode.window.showErrorMessage(
    `${problem} Build it with \`cargo install --path .\` in a copy of Cooperage, or set its path.`,
    settings,
  );
  if (choice === settings) {
    await vscode.commands.executeCommand('workbench.action.openSettings', 'cooper.path');
  }
}
