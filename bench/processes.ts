import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Started } from './contestant.ts';

/** Runs a program to its end. @returns what it printed; throws when it did not succeed */
export function start({ argv, cwd, env, input }: Started): Promise<string> {
  return new Promise((resolve, reject) => {
    const [program = '', ...words] = argv;
    const child = spawn(program, words, { cwd, env: { ...process.env, ...env } });
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0
        ? resolve(output)
        : reject(new Error(`exit code ${code} from ${argv.slice(0, 3).join(' ')}:\n${output.slice(-4000)}`)),
    );
    child.stdin.end(input ?? '');
  });
}

/** Files by which a package is known to be there. */
const files = {
  'ansible-core': '/usr/bin/ansible-playbook',
  'ansible-mitogen': '/usr/lib/python3/dist-packages/ansible_mitogen',
} as const;

/** From Debian; says what to install where it may not. */
export async function installAnsible(packages: readonly (keyof typeof files)[]): Promise<void> {
  const missing = packages.filter((name) => !existsSync(files[name]));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0)
    throw new Error(`Ansible is missing: apt-get install --no-install-recommends ${missing.join(' ')}`);
  process.stderr.write(`installing ${missing.join(' and ')}\n`);
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...missing];
  await start({ argv: ['env', 'DEBIAN_FRONTEND=noninteractive', ...install], cwd: '/' });
}
