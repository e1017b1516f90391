import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type SecretsProject, secretsProject } from '../../support/secrets-project.ts';

const canary = 'canary-ünïcode-7f3a';
const jiti = fileURLToPath(new URL('../../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const cli = fileURLToPath(new URL('../../support/run-cli.ts', import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function lab(project: SecretsProject, args: readonly string[], input = '', editor?: string): Promise<Outcome> {
  const environment = { ...project.environment, XDG_RUNTIME_DIR: join(project.root, 'run'), EDITOR: editor };
  await mkdir(environment.XDG_RUNTIME_DIR, { recursive: true });
  const child = spawn(process.execPath, [jiti, cli, 'secrets', ...args], { cwd: project.root, env: environment });
  child.stdin.end(input);
  const [stdout, stderr] = [child.stdout, child.stderr].map(async (stream) => {
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    return text;
  }) as [Promise<string>, Promise<string>];
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout: await stdout, stderr: await stderr };
}

async function editor(project: SecretsProject, script: string): Promise<string> {
  const file = join(project.root, 'my editor');
  await writeFile(file, `#!/bin/sh\nset -e\n${script}\n`);
  await chmod(file, 0o755);
  return `'${file}'`;
}

describe('lab secrets', () => {
  it('sets from stdin and prints one value or all', async () => {
    await using project = await secretsProject();
    expect(await lab(project, ['set', 'nas.password'], `${canary}\n`)).toMatchObject({ code: 0, stdout: '' });
    await lab(project, ['set', 'nas.key'], 'one\ntwo\n');
    expect((await lab(project, ['view', 'nas.password'])).stdout).toBe(`${canary}\n`);
    expect((await lab(project, ['view', 'nas.key'])).stdout).toBe('one\ntwo\n');
    expect((await lab(project, ['view'])).stdout).toContain(
      `nas:\n  password: ${canary}\n  key: |\n    one\n    two\n`,
    );
    const missing = await lab(project, ['view', 'nas.pasword']);
    expect(missing).toMatchObject({ code: 4, stdout: '' });
    expect(missing.stderr).toContain('did you mean "nas.password"?');
    expect(missing.stderr).not.toContain(canary);
  });

  it('gives the editor a private file, takes what it wrote, and leaves nothing behind', async () => {
    await using project = await secretsProject({ 'nas.password': 'old' });
    const script = `stat -c '%a %n' "$1" "$(dirname "$1")" > seen; sed -i 's/old/${canary}/' "$1"; cp "$1" "$1~"`;
    const outcome = await lab(project, ['edit'], '', await editor(project, script));
    expect(outcome).toMatchObject({ code: 0, stdout: '' });
    expect((await lab(project, ['view', 'nas.password'])).stdout).toBe(`${canary}\n`);
    const [file, folder] = (await project.read('seen')).split('\n');
    expect(file).toMatch(/^600 .*\/run\/lab-secrets-/);
    expect(folder).toMatch(/^700 /);
    expect(await readdir(join(project.root, 'run'))).toEqual([]);
  });

  it.each([
    ['fails', `echo 'a: ${canary}' > "$1"; exit 3`, 'exit code 3'],
    ['writes no YAML', `printf 'a: [ ${canary}\\n' > "$1"`, 'no valid YAML'],
  ])('changes nothing when the editor %s', async (_name, script, message) => {
    await using project = await secretsProject({ a: 'old' });
    const before = await readFile(project.secrets.paths.file);
    const outcome = await lab(project, ['edit'], '', await editor(project, script));
    expect(outcome.code).toBe(4);
    expect(outcome.stderr).toContain(message);
    expect(outcome.stderr).not.toContain(canary);
    expect((await readFile(project.secrets.paths.file)).equals(before)).toBe(true);
    expect(await readdir(join(project.root, 'run'))).toEqual([]);
  });

  it('does not touch the file when nothing was edited', async () => {
    await using project = await secretsProject({ a: 'old' });
    const before = await readFile(project.secrets.paths.file);
    const outcome = await lab(project, ['edit'], '', 'true');
    expect(outcome).toMatchObject({ code: 0, stderr: 'nothing was changed\n' });
    expect((await readFile(project.secrets.paths.file)).equals(before)).toBe(true);
  });

  it('takes no value as an argument', async () => {
    await using project = await secretsProject();
    expect((await lab(project, ['set', 'a', canary])).code).toBe(4);
    expect((await lab(project, ['set', 'a'])).stderr).toContain('an empty value');
  });

  it('makes files that age itself opens', async ({ skip }) => {
    const age = await promisify(execFile)('age', ['--version']).catch(() => undefined);
    if (age === undefined) skip('age is not installed');
    await using project = await secretsProject({ a: canary });
    const args = ['--decrypt', '--identity', project.identityFile, project.secrets.paths.file];
    expect((await promisify(execFile)('age', args)).stdout).toContain(canary);
  });
});
