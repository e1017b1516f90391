import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { scriptArgv } from '../../../src/resources/shared/script.ts';
import { describeShells } from '../remote/support.ts';

const folder = fileURLToPath(new URL('../../../src/resources/', import.meta.url));
const scripts = readdirSync(folder, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.sh'));
const missing = spawnSync('shellcheck', ['--version']).error !== undefined;

it.skipIf(missing && process.env.CI === undefined)(
  'shellcheck has nothing to say about the scripts of resources',
  () => {
    const { stdout, status } = spawnSync('shellcheck', ['--shell=sh', ...scripts], { cwd: folder, encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  },
);

describeShells('the syntax of the scripts of resources', (shell) => {
  it.each(scripts)('is understood: %s', (name) => {
    const { stderr, status } = spawnSync(`${shell.bin}/sh`, ['-n', join(folder, name)], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});

it('a script gets its values as arguments, and no comment goes over the wire', () => {
  const [shell, option, text, name, ...values] = scriptArgv('hostname', ["it's $(x)"]);
  expect([shell, option, name, values]).toEqual(['sh', '-c', 'lab-hostname', ["it's $(x)"]]);
  expect(text).not.toMatch(/^\s*#/m);
});
