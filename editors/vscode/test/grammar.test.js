// What the grammar colours: files of `test/grammar` are Dockerfiles, each line that begins with `#^` says which scope the
// marked columns of the last other line have. The base grammars are those that VS Code has.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const oniguruma = require('vscode-oniguruma');
const textmate = require('vscode-textmate');

const OWN = path.join(__dirname, '../syntaxes/embedded.tmLanguage.json');
const BASE = path.dirname(require.resolve('tm-grammars/grammars/docker.json'));
const NAMES = {
  'source.dockerfile': 'docker',
  'source.shell': 'shellscript',
  'source.python': 'python',
  'source.js': 'javascript',
  'source.perl': 'perl',
  'source.json': 'json',
  'source.yaml': 'yaml',
  'source.ini': 'ini',
};

async function grammar() {
  const wasm = fs.readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async (scope) => {
      const file = scope === 'source.dockerfile.embedded' ? OWN : NAMES[scope] && path.join(BASE, `${NAMES[scope]}.json`);
      return file ? textmate.parseRawGrammar(fs.readFileSync(file, 'utf8'), file) : null;
    },
    getInjections: (scope) => (scope === 'source.dockerfile' ? ['source.dockerfile.embedded'] : []),
  });
  return registry.loadGrammar('source.dockerfile');
}

/** Lines with the expectations that stand below them. */
function cases(text) {
  const lines = [];
  for (const line of text.split('\n')) {
    const mark = /^#( *)(\^+) (.*)$/.exec(line);
    if (mark) {
      const start = 1 + mark[1].length;
      lines.at(-1).expected.push({ start, end: start + mark[2].length, scopes: mark[3].split(' ') });
    } else {
      lines.push({ text: line, expected: [] });
    }
  }
  return lines;
}

const folder = path.join(__dirname, 'grammar');
const loaded = grammar();
for (const name of fs.readdirSync(folder)) {
  test(name, async () => {
    const colours = await loaded;
    let state = textmate.INITIAL;
    for (const { text, expected } of cases(fs.readFileSync(path.join(folder, name), 'utf8'))) {
      const { tokens, ruleStack } = colours.tokenizeLine(text, state);
      state = ruleStack;
      for (const { start, end, scopes } of expected) {
        const covered = tokens.filter((token) => token.startIndex < end && start < token.endIndex);
        for (const token of covered) {
          for (const scope of scopes) {
            const has = token.scopes.some((found) => found.startsWith(scope.replace(/^!/, '')));
            assert.equal(has, !scope.startsWith('!'), `${text}\n${start}..${end} ${scope}: ${token.scopes.join(' ')}`);
          }
        }
      }
    }
  });
}
