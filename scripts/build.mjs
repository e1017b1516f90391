// Compiles with tsc and puts beside the output what tsc does not carry: the remote program's shell files.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], { stdio: 'inherit' });

for (const entry of readdirSync('src', { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith('.sh')) continue;
  const from = join(entry.parentPath, entry.name);
  const to = join('dist', from);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

// tsc leaves the ending of some dynamic imports as it is (in a function with `using`): such a module would not load.
for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
  if (!entry.name.endsWith('.js')) continue;
  const file = join(entry.parentPath, entry.name);
  if (/\bimport\('\.[^']*\.ts'\)/.test(readFileSync(file, 'utf8')))
    throw new Error(`${file}: an import was not rewritten`);
}
