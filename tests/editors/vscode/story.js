// What a person sees in VS Code, from the first look at a Dockerfile that was built before to a build of their own.
// Prints a line for each thing that holds; the first that does not ends the story.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Workbench } from './workbench.js';

const { CODE_SERVER, VSIX, COOPER, EXAMPLE, PICTURES, SCRATCH } = process.env;
const BLOG = path.join(SCRATCH, 'blog');
const STEP = /^(COPY|RUN|WORKDIR) /;

/** A Dockerfile with more than one stage, and the builds that a compose file declares of it. */
const STAGES = `FROM host:base AS pages
RUN mkdir /pages

FROM host:base AS proof
ARG READER=nobody
RUN echo "read by $READER" > /proof

FROM pages
RUN ls /pages
`;
const UNTIDY = `FROM host:base as pages
run mkdir /pages
COPY    articles/oak.txt   /pages
`;
const TIDY = `FROM host:base AS pages
RUN mkdir /pages
COPY articles/oak.txt /pages
`;
const STYLED = `FROM host:base
COPY <<END /site/main.css
p { }
END
`;
const COMPOSE = `services:
  proof:
    build:
      context: .
      dockerfile: stages.Dockerfile
      target: proof
`;

/** The example beside a store of its own, where it was built once, and the program where cargo would install it. */
function prepare() {
  fs.cpSync(EXAMPLE, BLOG, { recursive: true });
  fs.writeFileSync(path.join(BLOG, 'stages.Dockerfile'), STAGES);
  fs.writeFileSync(path.join(BLOG, 'compose.yaml'), COMPOSE);
  fs.writeFileSync(path.join(BLOG, 'untidy.Dockerfile'), UNTIDY);
  fs.writeFileSync(path.join(BLOG, 'styled.Dockerfile'), STYLED);
  const environment = {
    HOME: SCRATCH,
    CARGO_HOME: path.join(SCRATCH, 'cargo'),
    COOPERAGE_ROOT: path.join(SCRATCH, 'store'),
    XDG_RUNTIME_DIR: path.join(SCRATCH, 'run'),
  };
  for (const folder of ['run', 'cargo/bin']) {
    fs.mkdirSync(path.join(SCRATCH, folder), { recursive: true, mode: 0o700 });
  }
  fs.symlinkSync(COOPER, path.join(SCRATCH, 'cargo/bin/cooper'));
  const options = { env: { ...process.env, ...environment }, stdio: ['ignore', 'ignore', 'inherit'] };
  const cooper = (...args) => execFileSync(COOPER, args, options);
  cooper('base', '-q', '--tag', 'host:base', ...'sh awk cat chmod head ls mkdir rm sed sort tr'.split(' '));
  cooper('build', '-q', BLOG);
  return environment;
}

let passed = 0;
async function scene(what, act) {
  try {
    await act();
  } catch (error) {
    console.error(`FAILED: ${what}\n${error.stack}`);
    await workbench.picture(path.join(SCRATCH, 'failed.png')).catch(() => {});
    console.log(`${passed} passed, 1 failed`);
    await workbench.close().catch(() => {});
    process.exit(1);
  }
  passed += 1;
  console.log(`ok: ${what}`);
}

async function picture(name) {
  if (PICTURES) {
    await workbench.picture(path.join(PICTURES, `${name}.png`));
  }
}

const environment = prepare();
const workbench = await Workbench.open({
  codeServer: CODE_SERVER,
  vsix: VSIX,
  scratch: SCRATCH,
  folder: BLOG,
  file: 'Dockerfile',
  environment,
});

/** Waits until each step before `border` says `above`, and each from it on `below`. */
function forecast(above, border, below) {
  return workbench.shows(
    `${above} above ${border}, ${below} from there`,
    () => workbench.lines(),
    (lines) => {
      const at = lines.findIndex((line) => border.test(line));
      const steps = lines.map((line, n) => [line, n]).filter(([line]) => STEP.test(line));
      return at >= 0 && steps.length > 5 && steps.every(([line, n]) => (n < at ? above : below).test(line));
    },
  );
}
const CACHED = /cached .* ago|cached just now/;
const RUNS = /\breruns|\bruns|\bdepends/;
const LAST = /^CMD /;

/** The number of the first line of the file, as it was opened, that a pattern matches. */
function line(pattern) {
  const lines = fs.readFileSync(path.join(EXAMPLE, 'Dockerfile'), 'utf8').split('\n');
  return lines.findIndex((text) => pattern.test(text)) + 1;
}
const MKDIR = line(/^RUN mkdir/);

await scene('each step says that it is cached', async () => {
  await forecast(CACHED, LAST, CACHED);
  await picture('vscode');
});

/** Waits until the lens above FROM says that all steps are cached, or that some are not. */
function lens(all) {
  return workbench.shows('lens', () => workbench.texts('.codelens-decoration'), (lenses) => {
    const [, cached, steps] = /next build: (\d+) of (\d+) cached/.exec(lenses.join(' ')) ?? [];
    return steps !== undefined && (cached === steps) === all;
  });
}

await scene('a lens sums the next build up', () => lens(true));

await scene('hover tells what the next build does with a step, and what COPY is', async () => {
  await workbench.goTo(line(/^COPY articles/), 2);
  await workbench.command('Show or Focus Hover');
  await workbench.shows('hover', () => workbench.texts('.monaco-hover:not(.hidden) .hover-contents'), (parts) =>
    /next build:.*cached/.test(parts.join(' ')) && /COPY/.test(parts.join(' ')),
  );
  await picture('vscode-hover');
  await workbench.press('Escape');
});

await scene('what is typed and not saved changes the forecast from its line on', async () => {
  await workbench.goTo(MKDIR, 200);
  await workbench.type(' /blog/drafts');
  await forecast(CACHED, /^RUN mkdir/, RUNS);
  await workbench.shows('unsaved', () => workbench.texts('.tab.active.dirty'), (tabs) => tabs.length === 1);
  await workbench.press('Escape');
  await lens(false);
  // While somebody types, the editor cuts a new hint to the length of the old.
  await workbench.shows('whole hint', () => workbench.lines(), (lines) =>
    lines.some((text) => /^RUN mkdir.*reruns: instruction changed, last took \d+ ms/.test(text)),
  );
  await picture('vscode-edit');
});

await scene('undone, all is cached again', async () => {
  await workbench.press('Control+z');
  await workbench.shows('undone', () => workbench.lines(), (lines) => !lines.some((text) => text.includes('drafts')));
  await forecast(CACHED, LAST, CACHED);
});

await scene('completion knows the flags of RUN', async () => {
  await workbench.goTo(MKDIR, 5);
  await workbench.type('--mo');
  await workbench.shows('completion', () => workbench.suggestions(), (items) =>
    items.some((item) => item.startsWith('--mount')),
  );
  await picture('vscode-completion');
  await workbench.press('Escape');
  for (let typed = 0; typed < '--mo'.length; typed += 1) {
    await workbench.press('Backspace');
  }
  await forecast(CACHED, LAST, CACHED);
});

await scene('a finding is underlined, and its fix is applied', async () => {
  await workbench.goTo(MKDIR, 1);
  await workbench.press('Delete', 'Delete', 'Delete');
  await workbench.type('run');
  await workbench.press('Escape');
  const squiggles = '.editor-group-container.active .squiggly-warning';
  await workbench.shows('squiggle', () => workbench.page.locator(squiggles).count(), (count) => count > 0);
  await workbench.goTo(MKDIR, 2);
  await workbench.command('Quick Fix...');
  const chosen = '.action-widget .monaco-list-row.action.focused';
  await workbench.shows('fix', () => workbench.texts(chosen), ([title]) => title === 'write `RUN`');
  await picture('vscode-fix');
  await workbench.press('Enter');
  await workbench.shows('fixed', () => workbench.lines(), (lines) => lines.some((text) => text.startsWith('RUN mkdir')));
  await workbench.shows('no squiggle', () => workbench.page.locator(squiggles).count(), (count) => count === 0);
  await forecast(CACHED, LAST, CACHED);
  await lens(true);
});

await scene('a file of the context that is saved changes the forecast of the steps that read it', async () => {
  await workbench.openFile('oak.txt');
  await workbench.shows('oak.txt', () => workbench.texts('.tab.active'), (tabs) => tabs.some((tab) => /oak\.txt/.test(tab)));
  await workbench.shows('text of oak.txt', () => workbench.lines(), (lines) => lines.some((text) => /oak/.test(text)));
  await workbench.press('Control+End');
  await workbench.type('It was bent again today.');
  await workbench.press('Control+s');
  await workbench.openFile('Dockerfile');
  await forecast(CACHED, /^COPY articles/, RUNS);
  await workbench.shows('culprit', () => workbench.lines(), (lines) =>
    lines.some((text) => /^COPY articles.*articles\/oak\.txt/.test(text)),
  );
  await lens(false);
  await picture('vscode-context');
});

await scene('Build to Here builds, and the forecast turns to cached', async () => {
  await workbench.goTo(line(/^COPY articles/), 1);
  await workbench.command('Cooper: Build to Here');
  await forecast(CACHED, /^RUN sh generate/, RUNS);
  await picture('vscode-built');
});

await scene('Explain says beside the text what will run, and why', async () => {
  await workbench.command('Cooper: Explain What Will Run, and Why');
  await workbench.shows('explanation', () => workbench.texts('.editor-group-container .view-lines'), (texts) =>
    texts.some((text) => /# next build: \d+ of \d+ cached.*## line 21: `RUN sh generate.*reruns.*in the store: lines 3, 6/.test(text)),
  );
});

await scene('Shell Here opens a terminal in the layers up to the line', async () => {
  await workbench.goTo(line(/^COPY articles/), 1);
  await workbench.command('Cooper: Shell Here');
  const rows = '.terminal-wrapper.active .xterm-rows > div';
  const screen = async () => (await workbench.texts(rows)).join('\n');
  await workbench.shows('prompt', screen, (text) => /[#$] *$/m.test(text));
  await workbench.type('ls /blog/articles\n');
  await workbench.shows('files of the layer', screen, (text) => /oak\.txt/.test(text) && /staves\.txt/.test(text));
  await picture('vscode-shell');
  await workbench.type('exit\n');
  await workbench.page.locator('.terminal-wrapper.active').waitFor({ state: 'hidden' });
});

await scene('Run builds, and shows what the image prints', async () => {
  await workbench.command('Cooper: Run');
  const rows = '.terminal-wrapper.active .xterm-rows > div';
  await workbench.shows('page', async () => (await workbench.texts(rows)).join('\n'), (text) => /<html|<h1/.test(text));
  await picture('vscode-run');
});

await scene('the entry of the status bar names the program, and offers all commands', async () => {
  const entry = workbench.page.locator('.statusbar-item', { hasText: 'cooper' });
  await entry.hover();
  await workbench.shows('program', () => workbench.texts('.workbench-hover-container'), (texts) =>
    texts.some((text) => /cooper, version \d/.test(text)),
  );
  await entry.click();
  const rows = '.quick-input-list .monaco-list-row';
  await workbench.shows('commands', () => workbench.texts(rows), (titles) =>
    ['Build', 'Run', 'Choose Target Stage', 'Show Log'].every((title) => titles.some((text) => text.startsWith(title))),
  );
  await picture('vscode-status');
  await workbench.press('Escape');
});

/** Waits until the first two stages say what they should. */
function stages(pages, proof) {
  return workbench.shows('hints of stages', () => workbench.lines(), (lines) => {
    const first = lines.filter((text) => text.startsWith('FROM'));
    return first.length === 3 && pages.test(first[0]) && proof.test(first[1]);
  });
}
const NEEDED = /in the store/;
const SPARED = /not needed/;

await scene('Choose Target Stage forecasts another stage', async () => {
  await workbench.openFile('stages.Dockerfile');
  await stages(NEEDED, SPARED);
  await workbench.command('Cooper: Choose Target Stage');
  await workbench.page.locator('.quick-input-list .label-name', { hasText: 'proof' }).waitFor();
  await picture('vscode-target');
  await workbench.pick('proof');
  await stages(SPARED, NEEDED);
  await workbench.command('Cooper: Choose Target Stage');
  await workbench.pick('the last stage');
  await stages(NEEDED, SPARED);
});

await scene('Choose a Build of Compose forecasts what the service builds', async () => {
  await workbench.command('Cooper: Choose a Build of Compose or Bake');
  await workbench.pick('proof');
  await stages(SPARED, NEEDED);
});

await scene('Fix All mends what has a fix, and saving formats', async () => {
  await workbench.openFile('untidy.Dockerfile');
  await workbench.shows('findings', () => workbench.page.locator('.squiggly-warning').count(), (count) => count > 1);
  await workbench.command('Fix All');
  await workbench.shows('fixed', () => workbench.lines(), ([from, run]) => /^FROM host:base AS pages/.test(from) && /^RUN/.test(run));
  await workbench.press('Control+s');
  await workbench.shows('formatted', () => fs.readFileSync(path.join(BLOG, 'untidy.Dockerfile'), 'utf8'), (text) => text === TIDY);
  await picture('vscode-format');
});

await scene('in a here document completion knows the language of the file it becomes', async () => {
  await workbench.openFile('styled.Dockerfile');
  await workbench.shows('document', () => workbench.lines(), (lines) => lines.some((text) => text.startsWith('p { }')));
  await workbench.goTo(3, 5);
  await workbench.type('col');
  await workbench.shows('properties', () => workbench.suggestions(), (items) =>
    ['color', 'column-gap'].every((name) => items.some((item) => item.startsWith(name))),
  );
});

console.log(`${passed} passed, 0 failed`);
await workbench.close();
