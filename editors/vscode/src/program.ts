// Where the program is. Nothing is ever downloaded: the extension is as good as the `cooper` the machine has.

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** The program, or why there is none: a sentence for the user. */
export type Found = { program: string } | { problem: string };

/** Looks where the setting says; without one in the `PATH`, then where cargo and users install programs. */
export function find(setting: string): Found {
  const wanted = setting.trim();
  if (wanted !== '') {
    return findNamed(wanted);
  }
  const program = folders()
    .map((folder) => path.join(folder, 'cooper'))
    .find(isProgram);
  return program === undefined
    ? { problem: 'The program `cooper` is neither in the PATH nor where cargo installs programs.' }
    : { program };
}

/** A path must be a program; a bare name is looked for in the `PATH`. Another program than the one named is never taken. */
function findNamed(wanted: string): Found {
  const named = wanted.startsWith('~/') ? path.join(os.homedir(), wanted.slice(2)) : wanted;
  const program = path.isAbsolute(named)
    ? [named].find(isProgram)
    : searchPath()
        .map((folder) => path.join(folder, named))
        .find(isProgram);
  return program === undefined ? { problem: `The setting cooper.path names "${wanted}", which is no program.` } : { program };
}

function folders(): string[] {
  const home = os.homedir();
  const cargo = [process.env['CARGO_INSTALL_ROOT'], process.env['CARGO_HOME'], path.join(home, '.cargo')];
  return [
    ...searchPath(),
    ...cargo.filter((root) => root !== undefined).map((root) => path.join(root, 'bin')),
    path.join(home, '.local', 'bin'),
    '/usr/local/bin',
  ];
}

// An empty entry of the PATH means the working folder, and that may belong to somebody else.
function searchPath(): string[] {
  return (process.env['PATH'] ?? '').split(path.delimiter).filter(path.isAbsolute);
}

function isProgram(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
