import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretsFile } from '../../src/secrets/secrets-file.ts';

/** A project with secrets and a home of its own, in a temporary folder. */
export interface SecretsProject extends AsyncDisposable {
  readonly root: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly identityFile: string;
  readonly secrets: SecretsFile;
  read(path: string): Promise<string>;
}

export async function secretsProject(values: Readonly<Record<string, string>> = {}): Promise<SecretsProject> {
  const root = await mkdtemp(join(tmpdir(), 'lab-test-secrets-'));
  const identityFile = join(root, 'home', 'identity.txt');
  await mkdir(join(root, 'inventory'));
  const environment = { PATH: process.env.PATH, HOME: join(root, 'home'), LAB_AGE_IDENTITY_FILE: identityFile };
  const secrets = new SecretsFile(root, { environment });
  await secrets.init('test');
  for (const [path, value] of Object.entries(values)) await secrets.set(path, value);
  return {
    root,
    environment,
    identityFile,
    secrets,
    read: (path) => readFile(join(root, path), 'utf8'),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
