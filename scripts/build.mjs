// Types by tsc, JavaScript by esbuild: our own modules and the small libraries in a few files, as opening two hundred
// takes longer than reading a host. What is native, large or rarely needed stays a package of its own.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

/** Built beside the old output and put in its place at the end, so that a failed build leaves the old one. */
const output = 'dist.new';
rmSync(output, { recursive: true, force: true });
execFileSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--emitDeclarationOnly', '--outDir', output],
  { stdio: 'inherit' },
);

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const bundled = ['commander', 'ipaddr.js', 'p-limit', 'zod'];
const roles = readdirSync('roles').map((role) => `roles/${role}/role.ts`);
await build({
  entryPoints: [
    'src/index.ts',
    'src/cli/main.ts',
    'src/playbook/type-check-program.ts',
    ...roles.filter((file) => existsSync(file)),
  ],
  outdir: output,
  outbase: '.',
  chunkNames: 'src/chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  // Bundled CommonJS asks for Node's own modules through a require, which a module does not have.
  banner: {
    js: "import { createRequire as labRequire } from 'node:module'; const require = labRequire(import.meta.url);",
  },
  external: Object.keys(dependencies).filter((name) => !bundled.includes(name)),
  logLevel: 'warning',
});

for (const entry of ['src', 'roles'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }),
)) {
  if (!entry.isFile() || !entry.name.endsWith('.sh')) continue;
  const from = join(entry.parentPath, entry.name);
  const to = join(output, from);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

rmSync('dist', { recursive: true, force: true });
renameSync(output, 'dist');
