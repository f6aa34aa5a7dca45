// What the server asks of this editor beyond the protocol: to open a terminal, and to show a text.

import * as vscode from 'vscode';
import type { ClientCapabilities, FeatureState, LanguageClient, StaticFeature } from 'vscode-languageclient/node';

/** A program for the user to talk to. */
interface Terminal {
  name: string;
  command: [string, ...string[]];
}

/** A text to read, in Markdown. */
interface Text {
  title: string;
  text: string;
}

/** Told to the server as `experimental.cooper`; it keeps to the protocol with clients that say nothing of it. */
export class Requests implements StaticFeature {
  private readonly registered: vscode.Disposable[] = [];

  constructor(private readonly client: LanguageClient) {}

  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const known = (capabilities.experimental ?? {}) as object;
    capabilities.experimental = { ...known, cooper: { terminal: true, show: true, suggestAgain: true } };
  }

  initialize(): void {
    this.registered.push(
      this.client.onRequest('cooper/terminal', openTerminal),
      this.client.onNotification('cooper/show', showText),
    );
  }

  getState(): FeatureState {
    return { kind: 'static' };
  }

  clear(): void {
    vscode.Disposable.from(...this.registered.splice(0)).dispose();
  }
}

function openTerminal({ name, command: [shellPath, ...shellArgs] }: Terminal): null {
  vscode.window.createTerminal({ name, shellPath, shellArgs }).show();
  return null;
}

async function showText({ text }: Text): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ content: text, language: 'markdown' });
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
}
