// Where the program is looked for, in folders made for it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const esbuild = require('esbuild');

/** The module as it is now, with an environment of its own. */
function find(setting, environment) {
  const source = fs.readFileSync(path.join(__dirname, '../src/program.ts'), 'utf8');
  const { code } = esbuild.transformSync(source, { loader: 'ts', format: 'cjs' });
  const module = { exports: {} };
  new Function('module', 'require', 'process', code)(module, require, { env: environment });
  return module.exports.find(setting);
}

/** A folder with a program in each of the given folders below it. */
function folder(context, ...holders) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'cooper-program-'));
  context.after(() => fs.rmSync(root, { recursive: true }));
  for (const holder of holders) {
    fs.mkdirSync(path.join(root, holder), { recursive: true });
    fs.writeFileSync(path.join(root, holder, 'cooper'), '', { mode: 0o755 });
  }
  return root;
}

test('the setting goes first, and nothing else is taken in its place', (context) => {
  const root = folder(context, 'named', 'path');
  const environment = { PATH: path.join(root, 'path') };
  assert.deepEqual(find(path.join(root, 'named/cooper'), environment), { program: path.join(root, 'named/cooper') });
  assert.deepEqual(find('cooper', environment), { program: path.join(root, 'path/cooper') });
  assert.match(find(path.join(root, 'nowhere'), environment).problem, /cooper\.path names ".*nowhere"/);
  assert.match(find(root, environment).problem, /no program/);
});

test('the PATH goes before the folders of cargo', (context) => {
  const root = folder(context, 'path', 'cargo/bin');
  const environment = { CARGO_HOME: path.join(root, 'cargo'), PATH: `${root}:${path.join(root, 'path')}` };
  assert.deepEqual(find('', environment), { program: path.join(root, 'path/cooper') });
  assert.deepEqual(find(' ', { ...environment, PATH: '' }), { program: path.join(root, 'cargo/bin/cooper') });
});

test('a file that cannot be run is no program', (context) => {
  const root = folder(context, 'path', 'cargo/bin');
  fs.chmodSync(path.join(root, 'path/cooper'), 0o644);
  const environment = { CARGO_HOME: path.join(root, 'cargo'), PATH: path.join(root, 'path') };
  assert.deepEqual(find('', environment), { program: path.join(root, 'cargo/bin/cooper') });
});
