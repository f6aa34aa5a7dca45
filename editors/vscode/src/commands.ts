// The commands of the palette. Each passes the place of the cursor to a command of the server, which does the work and
// shows progress and results through the protocol.

import * as vscode from 'vscode';
import type { Server } from './server';

/** Commands by the server's name; `place` says what of the cursor goes along. */
const SERVED = [
  { command: 'cooperage.build', served: 'cooper.build', place: file },
  { command: 'cooperage.buildTo', served: 'cooper.buildTo', place: line },
  { command: 'cooperage.run', served: 'cooper.run', place: file },
  { command: 'cooperage.explain', served: 'cooper.explain', place: file },
  { command: 'cooperage.shell', served: 'cooper.shell', place: line },
  { command: 'cooperage.layerFiles', served: 'cooper.layerFiles', place: line },
  { command: 'cooperage.selectTarget', served: 'cooper.selectTarget', place: file },
  { command: 'cooperage.selectBuild', served: 'cooper.selectBuild', place: file },
] as const;

/** What the status bar's menu offers beside those. */
const OWN = ['cooperage.restart', 'cooperage.log'];

/** Registers all commands; they are gone when it is disposed. */
export class Commands implements vscode.Disposable {
  private readonly registered: vscode.Disposable;

  constructor(server: Server) {
    const served = SERVED.map(({ command, served, place }) =>
      // Not a text editor command: the editor would keep its failure to itself.
      vscode.commands.registerCommand(command, async () => {
        const editor = vscode.window.activeTextEditor;
        if (editor !== undefined) {
          await server.execute(served, editor.document.uri.toString(), place(editor));
        }
      }),
    );
    this.registered = vscode.Disposable.from(
      ...served,
      vscode.commands.registerCommand('cooperage.restart', () => server.restart()),
      vscode.commands.registerCommand('cooperage.log', () => server.showLog()),
      vscode.commands.registerCommand('cooperage.menu', showMenu),
    );
  }

  dispose(): void {
    this.registered.dispose();
  }
}

function file(): object {
  return {};
}

/** Lines are counted from 0, as the protocol does. */
function line(editor: vscode.TextEditor): object {
  return { line: editor.selection.active.line };
}

async function showMenu(): Promise<void> {
  const titles = new Map(contributed().map(({ command, title }) => [command, title]));
  const commands = [...SERVED.map(({ command }) => command), ...OWN];
  const items = commands.map((command) => ({ label: titles.get(command) ?? command, command }));
  const chosen = await vscode.window.showQuickPick(items, { placeHolder: 'Cooper' });
  if (chosen !== undefined) {
    await vscode.commands.executeCommand(chosen.command);
  }
}

/** The manifest's own list, so that no title is written twice. */
function contributed(): { command: string; title: string }[] {
  return vscode.extensions.getExtension('cooperage.cooperage')?.packageJSON.contributes.commands ?? [];
}
