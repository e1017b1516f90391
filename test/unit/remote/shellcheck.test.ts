import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeShells } from './support.ts';

const folder = fileURLToPath(new URL('../../../', import.meta.url));
const scripts = ['src/remote', 'roles'].flatMap((part) =>
  (readdirSync(`${folder}${part}`, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.sh'))
    .map((name) => `${part}/${name}`),
);
const missing = spawnSync('shellcheck', ['--version']).error !== undefined;

it.skipIf(missing && process.env.CI === undefined).each(scripts)('shellcheck has nothing to say about %s', (name) => {
  const { stdout, status } = spawnSync('shellcheck', ['--shell=sh', name], { cwd: folder, encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

describeShells('the syntax of what runs on hosts', (shell) => {
  it.each(scripts)('is understood: %s', (name) => {
    const { stderr, status } = spawnSync(`${shell.bin}/sh`, ['-n', name], { cwd: folder, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
