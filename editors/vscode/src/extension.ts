// The door of the extension: starts the language server, and wires commands and the status bar to it.

import * as vscode from 'vscode';
import { Commands } from './commands';
import { Server } from './server';
import { Status } from './status';

let server: Server | undefined;

/** Called by the editor when the first Dockerfile is opened. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const status = new Status();
  server = new Server(status);
  context.subscriptions.push(status, server, new Commands(server));
  await server.start();
}

/** Called when the window closes; the server gets to say goodbye. */
export async function deactivate(): Promise<void> {
  await server?.stop();
}
