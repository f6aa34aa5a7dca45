// One entry in the status bar, seen while a Dockerfile is.

import * as vscode from 'vscode';

/** Says whether the server lives; a click offers everything that can be done. */
export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('cooperage', vscode.StatusBarAlignment.Right, 100);
  private readonly follow: vscode.Disposable;

  constructor() {
    this.item.name = 'Cooper';
    this.item.command = 'cooperage.menu';
    this.follow = vscode.window.onDidChangeActiveTextEditor(() => this.follows());
    this.starting();
    this.follows();
  }

  starting(): void {
    this.set('$(sync~spin) cooper', 'The language server starts.');
  }

  running(program: string, version: string | undefined): void {
    this.set('$(package) cooper', `${program}, version ${version ?? 'unknown'}`);
  }

  failed(why: string): void {
    this.set('$(error) cooper', why, new vscode.ThemeColor('statusBarItem.errorBackground'));
  }

  dispose(): void {
    this.follow.dispose();
    this.item.dispose();
  }

  private set(text: string, tooltip: string, background?: vscode.ThemeColor): void {
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.backgroundColor = background;
  }

  private follows(): void {
    if (vscode.window.activeTextEditor?.document.languageId === 'dockerfile') {
      this.item.show();
    } else {
      this.item.hide();
    }
  }
}
