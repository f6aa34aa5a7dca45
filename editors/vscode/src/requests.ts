// What the server asks of this editor beyond the protocol: to open a terminal, to let the user pick, and to show a text.

import * as vscode from 'vscode';
import type { ClientCapabilities, FeatureState, LanguageClient, StaticFeature } from 'vscode-languageclient/node';

/** A program for the user to talk to; `keep`: what it printed is read when it has ended. */
interface Terminal {
  name: string;
  command: [string, ...string[]];
  keep: boolean;
}

/** Texts of which the user picks one. */
interface Choice {
  title: string;
  items: string[];
}

/** A text to read, in Markdown. */
interface Text {
  title: string;
  text: string;
}

const SCHEME = 'cooper';

/** Texts of the server as documents that nobody has to save. */
class Texts implements vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.path) ?? '';
  }

  /** Shows a text beside the Dockerfile, in the place of the last one of its title. */
  async show({ title, text }: Text): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${title.replaceAll('/', ' ')}.md` });
    this.texts.set(uri.path, text);
    this.changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  }
}

/** Told to the server as `experimental.cooper`; it keeps to the protocol with clients that say nothing of it. */
export class Requests implements StaticFeature {
  private readonly registered: vscode.Disposable[] = [];

  constructor(private readonly client: LanguageClient) {}

  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const known = (capabilities.experimental ?? {}) as object;
    capabilities.experimental = { ...known, cooper: { terminal: true, pick: true, show: true, suggestAgain: true } };
  }

  initialize(): void {
    const texts = new Texts();
    this.registered.push(
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, texts),
      this.client.onRequest('cooper/terminal', openTerminal),
      this.client.onRequest('cooper/pick', pick),
      this.client.onNotification('cooper/show', (text: Text) => texts.show(text)),
    );
  }

  getState(): FeatureState {
    return { kind: 'static' };
  }

  clear(): void {
    vscode.Disposable.from(...this.registered.splice(0)).dispose();
  }
}

function openTerminal({ name, command: [program, ...args], keep }: Terminal): null {
  if (keep) {
    // A terminal closes with its program; that of a task waits for a key.
    const task = new vscode.Task({ type: 'process' }, taskScope(), name, 'cooper', new vscode.ProcessExecution(program, args));
    task.presentationOptions = { focus: true, echo: false, clear: true, panel: vscode.TaskPanelKind.Dedicated };
    void vscode.tasks.executeTask(task);
  } else {
    vscode.window.createTerminal({ name, shellPath: program, shellArgs: args }).show();
  }
  return null;
}

async function pick({ title, items }: Choice): Promise<string | null> {
  return (await vscode.window.showQuickPick(items, { title })) ?? null;
}

/** There may be a file and no folder. */
function taskScope(): vscode.TaskScope {
  return vscode.workspace.workspaceFolders === undefined ? vscode.TaskScope.Global : vscode.TaskScope.Workspace;
}
