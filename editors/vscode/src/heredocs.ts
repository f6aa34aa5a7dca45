// Here documents as documents of their own, so that the editor's other languages complete and explain what is in them. The
// server says where they are and what they hold, line by line at the places of the Dockerfile; here is only passed on.

import * as vscode from 'vscode';
import type { ClientCapabilities, FeatureState, LanguageClient, Middleware, StaticFeature } from 'vscode-languageclient/node';

const SCHEME = 'cooper-heredoc';
/** A document that does not change in this time, milliseconds, is asked as it is. */
const PATIENCE = 300;

/** A here document in the answer to `cooper/heredocs`. */
interface Listed {
  uri: string;
  range: { start: { line: number }; end: { line: number } };
}

/** The documents, and the requests that are passed on to them. */
export class Heredocs implements StaticFeature, vscode.TextDocumentContentProvider {
  private readonly registered: vscode.Disposable[] = [];
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  /** URIs as the server wrote them: the editor's own spell the same ones otherwise. */
  private readonly uris = new Map<string, string>();
  private client: LanguageClient | undefined;

  readonly middleware: Middleware = {
    provideCompletionItem: async (document, position, context, token, next) => {
      const [own, uri] = await Promise.all([next(document, position, context, token), this.at(document, position)]);
      if (uri === undefined || token.isCancellationRequested) {
        return own;
      }
      const theirs = await vscode.commands.executeCommand<vscode.CompletionList>(
        'vscode.executeCompletionItemProvider',
        uri,
        position,
        context.triggerCharacter,
      );
      // Words of the text are nothing that another language knows.
      const items = theirs.items.filter((item) => item.kind !== vscode.CompletionItemKind.Text);
      const list = Array.isArray(own) ? new vscode.CompletionList(own) : (own ?? new vscode.CompletionList());
      return new vscode.CompletionList([...list.items, ...items], list.isIncomplete || theirs.isIncomplete);
    },
    provideHover: async (document, position, token, next) => {
      const [own, uri] = await Promise.all([next(document, position, token), this.at(document, position)]);
      if (uri === undefined || token.isCancellationRequested) {
        return own;
      }
      const theirs = await vscode.commands.executeCommand<vscode.Hover[]>('vscode.executeHoverProvider', uri, position);
      if (theirs.length === 0) {
        return own;
      }
      // What is said of a word goes before what is said of the step.
      const contents = theirs.flatMap((hover) => hover.contents);
      return new vscode.Hover([...contents, ...(own?.contents ?? [])], theirs[0]?.range);
    },
  };

  /** Takes the client whose middleware it is. */
  serve(client: LanguageClient): void {
    this.client = client;
    client.registerFeature(this);
  }

  fillClientCapabilities(capabilities: ClientCapabilities): void {
    // The library's types do not have it yet.
    capabilities.workspace = { ...capabilities.workspace, ...{ textDocumentContent: {} } };
  }

  initialize(): void {
    this.registered.push(vscode.workspace.registerTextDocumentContentProvider(SCHEME, this));
    const refresh = this.client?.onRequest('workspace/textDocumentContent/refresh', ({ uri }: { uri: string }) => {
      this.changed.fire(vscode.Uri.parse(uri));
      return null;
    });
    this.registered.push(...(refresh ? [refresh] : []));
  }

  getState(): FeatureState {
    return { kind: 'static' };
  }

  clear(): void {
    vscode.Disposable.from(...this.registered.splice(0)).dispose();
  }

  /** The text of a document; empty when it is no more. */
  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const params = { uri: this.uris.get(uri.toString()) ?? uri.toString() };
    try {
      const content = await this.client?.sendRequest<{ text: string }>('workspace/textDocumentContent', params);
      return content?.text ?? '';
    } catch {
      return '';
    }
  }

  /** The here document at a place of a Dockerfile, as new as the place. */
  private async at(document: vscode.TextDocument, { line }: vscode.Position): Promise<vscode.Uri | undefined> {
    if (this.client === undefined || !document.getText().includes('<<')) {
      return undefined;
    }
    const params = { textDocument: { uri: this.client.code2ProtocolConverter.asUri(document.uri) } };
    // One that the text has left behind is refused; then there is nothing to pass on.
    const listed = await this.client.sendRequest<Listed[] | null>('cooper/heredocs', params).catch(() => null);
    const found = listed?.find(({ range }) => range.start.line <= line && line < range.end.line);
    if (found === undefined) {
      return undefined;
    }
    const uri = vscode.Uri.parse(found.uri);
    this.uris.set(uri.toString(), found.uri);
    await this.refresh(uri);
    return uri;
  }

  /** Waits until the editor has the text that the server has. */
  private async refresh(uri: vscode.Uri): Promise<void> {
    const opened = await vscode.workspace.openTextDocument(uri);
    const lines = (text: string): string => text.replaceAll('\r\n', '\n');
    if (lines(opened.getText()) === lines(await this.provideTextDocumentContent(uri))) {
      return;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        listener.dispose();
        resolve();
      };
      const timer = setTimeout(done, PATIENCE);
      const listener = vscode.workspace.onDidChangeTextDocument((change) => {
        if (change.document === opened) {
          done();
        }
      });
      this.changed.fire(uri);
    });
  }
}
