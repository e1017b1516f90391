import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const jiti = fileURLToPath(new URL('../../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const cli = fileURLToPath(new URL('../../support/run-cli.ts', import.meta.url));

function completion(shell: string, ...options: readonly string[]): string {
  return execFileSync(process.execPath, [jiti, cli, 'completion', shell, ...options], { encoding: 'utf8' });
}

// A shell sources its start file again when one opens a shell in it, or after a change of that file.
test('the script for bash may be sourced again, and beside that of another program', () => {
  const script = completion('bash');
  const twice = `${script}\n${script}\n${completion('bash', '--command', 'other')}\necho "$ShellCompDirectiveNoSpace"; complete -p lab`;
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-e'], { input: twice, encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^2\ncomplete .*-F __lab_complete lab\n$/),
    stderr: '',
  });
});
