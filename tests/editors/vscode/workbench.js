// A VS Code that serves one folder to a headless browser, and what a person does in it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { chromium } from 'playwright-core';

/** What a person may wait for on a busy machine. */
const PATIENCE = 60_000;

const SETTINGS = {
  '[dockerfile]': { 'editor.formatOnSave': true },
  'chat.commandCenter.enabled': false,
  'editor.accessibilitySupport': 'off',
  'editor.fontFamily': "'DejaVu Sans Mono', monospace",
  'editor.fontSize': 13,
  'editor.minimap.enabled': false,
  'editor.stickyScroll.enabled': false,
  'files.autoSave': 'off',
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  // Drawn as text that can be read.
  'terminal.integrated.gpuAcceleration': 'off',
  'window.commandCenter': false,
  'workbench.activityBar.location': 'hidden',
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.layoutControl.enabled': false,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

/** The editor in its browser. Lines are counted from 1, as the editor shows them. */
export class Workbench {
  /** Installs the extension into a code-server of its own and opens `file` of `folder`. */
  static async open({ codeServer, vsix, scratch, folder, file, settings, environment }) {
    const server = new CodeServer(codeServer, scratch, environment);
    await server.install(vsix);
    server.configure({ ...SETTINGS, ...settings });
    const address = await server.start();
    const browser = await chromium.launchPersistentContext(path.join(scratch, 'browser'), {
      executablePath: '/usr/bin/chromium',
      headless: true,
      viewport: { width: 1040, height: 800 },
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    const page = browser.pages()[0] ?? (await browser.newPage());
    page.setDefaultTimeout(PATIENCE);
    const opened = JSON.stringify([['openFile', `vscode-remote://${address}${folder}/${file}`]]);
    await page.goto(`http://${address}/?folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(opened)}`);
    await page.locator('.editor-instance .view-line').first().waitFor();
    // Of the folder nothing needs to be seen.
    await page.keyboard.press('Control+b');
    return new Workbench(server, browser, page);
  }

  constructor(server, browser, page) {
    this.server = server;
    this.browser = browser;
    this.page = page;
  }

  async close() {
    await this.browser.close();
    await this.server.stop();
  }

  /** Lines on the screen as they are drawn: text and hints. */
  async lines() {
    return this.page.evaluate(() => {
      const drawn = [...document.querySelectorAll('.editor-group-container.active .editor-instance .view-line')];
      const top = (line) => Number.parseFloat(line.style.top);
      return drawn.sort((a, b) => top(a) - top(b)).map((line) => line.textContent.replaceAll('\u00a0', ' '));
    });
  }

  /** Waits until what is drawn satisfies `holds`; says what was drawn if it never does. */
  async shows(what, read, holds) {
    const deadline = Date.now() + PATIENCE;
    let seen;
    while (Date.now() < deadline) {
      seen = await read();
      if (holds(seen)) {
        return seen;
      }
      await this.page.waitForTimeout(50);
    }
    throw new Error(`never shown: ${what}; last seen:\n${JSON.stringify(seen, null, 2)}`);
  }

  /** The list of suggestions; who types past an answer that is under way gets none, and asks for it. */
  async suggestions() {
    const list = this.page.locator('.suggest-widget.visible .monaco-list-row');
    await list.first().waitFor({ timeout: 3000 }).catch(() => this.page.keyboard.press('Control+Space'));
    return this.texts('.suggest-widget.visible .monaco-list-row');
  }

  /** Puts the cursor at a line and column. */
  async goTo(line, column = 1) {
    await this.run(':', `${line}:${column}`);
  }

  /** Runs a command by its title: not the first that resembles it, which is the one that ran last. */
  async command(title) {
    await this.ask('>', title);
    await this.pick(title);
  }

  /** Takes an entry of the list that is open. */
  async pick(label) {
    await this.page.locator('.quick-input-list .label-name').getByText(label, { exact: true }).first().click();
    // What is below the mouse says what it is, after a while; nothing is there.
    await this.page.mouse.move(800, 18);
    // Another list may follow at once.
    await this.page.locator('.quick-input-list .label-name').getByText(label, { exact: true }).first().waitFor({ state: 'hidden' });
  }

  async openFile(name) {
    await this.run('', name, '.quick-input-list .monaco-list-row.focused');
  }

  /** Takes the first that the quick input finds. */
  async run(prefix, text) {
    await this.ask(prefix, text);
    await this.page.keyboard.press('Enter');
    await this.asked();
  }

  /** Types into the quick input: `>` for commands, `:` for lines, nothing for files. */
  async ask(prefix, text) {
    await this.page.keyboard.press('F1');
    const input = this.page.locator('.quick-input-widget input[type=text]');
    await input.waitFor();
    await input.fill(prefix + text);
    await this.page.locator('.quick-input-list .monaco-list-row.focused').waitFor();
  }

  async asked() {
    await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  }

  async type(text) {
    await this.page.keyboard.type(text, { delay: 20 });
  }

  async press(...keys) {
    for (const key of keys) {
      await this.page.keyboard.press(key);
    }
  }

  /** Texts of all elements that a selector finds now. */
  async texts(selector) {
    const found = await this.page.locator(selector).allTextContents();
    return found.map((text) => text.replaceAll('\u00a0', ' '));
  }

  async picture(file) {
    // What fades in is there in the end.
    await this.page.waitForTimeout(500);
    await this.page.screenshot({ path: file, animations: 'disabled' });
  }
}

/** The process behind the page. */
class CodeServer {
  constructor(home, scratch, environment) {
    this.entry = path.join(home, 'out/node/entry.js');
    this.data = path.join(scratch, 'data');
    this.extensions = path.join(scratch, 'extensions');
    this.log = path.join(scratch, 'code-server.log');
    this.environment = { ...process.env, ...environment };
    fs.mkdirSync(path.join(this.data, 'User'), { recursive: true });
  }

  configure(settings) {
    fs.writeFileSync(path.join(this.data, 'User/settings.json'), JSON.stringify(settings));
  }

  async install(vsix) {
    const child = this.spawn(['--install-extension', vsix]);
    const [status] = await once(child, 'exit');
    if (status !== 0) {
      throw new Error(`the extension was not installed:\n${fs.readFileSync(this.log, 'utf8')}`);
    }
  }

  /** Starts it on a free port; answers with its address once it takes connections. */
  async start() {
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    this.child = this.spawn([
      '--auth=none',
      `--bind-addr=${address}`,
      '--disable-telemetry',
      '--disable-update-check',
      '--disable-workspace-trust',
      '--disable-getting-started-override',
    ]);
    // However this program ends, it leaves nothing running.
    process.on('exit', () => this.killGroup());
    await accepts(port);
    return address;
  }

  async stop() {
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await exited;
    const deadline = Date.now() + PATIENCE;
    while (this.killGroup() && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends what the editor started and did not end itself: its hosts of extensions live on for a while. Whether any was left. */
  killGroup() {
    try {
      process.kill(-this.child.pid, 'SIGKILL');
      return true;
    } catch {
      return false;
    }
  }

  spawn(args) {
    const log = fs.openSync(this.log, 'a');
    const folders = ['--user-data-dir', this.data, '--extensions-dir', this.extensions];
    const child = spawn(process.execPath, [this.entry, ...folders, ...args], {
      env: this.environment,
      stdio: ['ignore', log, log],
      detached: true,
    });
    fs.closeSync(log);
    return child;
  }
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

async function accepts(port) {
  const deadline = Date.now() + PATIENCE;
  while (Date.now() < deadline) {
    const socket = net.connect(port, '127.0.0.1');
    const connected = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (connected) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('code-server takes no connections');
}
