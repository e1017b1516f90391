import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { describe, expect, it, vi } from 'vitest';
import { openedSecrets, secret, usePlaceholders, useSecrets } from '../../../src/secrets/secret.ts';
import { SecretsFile } from '../../../src/secrets/secrets-file.ts';
import { openSealed, readSecrets, sealFor } from '../../../src/secrets/store.ts';
import { formatError, LabError } from '../../../src/shared/errors.ts';
import { reveal } from '../../../src/shared/secret.ts';
import fc from '../../support/fast-check.ts';
import { secretsProject } from '../../support/secrets-project.ts';

const canary = 'hünter2-🦊-"quoted"';

async function errorOf(doing: () => unknown): Promise<LabError> {
  try {
    await doing();
  } catch (thrown) {
    if (thrown instanceof LabError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

function replaceAt(text: string, index: number): string {
  return `${text.slice(0, index)}${text[index] === 'A' ? 'B' : 'A'}${text.slice(index + 1)}`;
}

describe('the secrets of a project', () => {
  it('come back as they were set, whatever they hold', async () => {
    await using project = await secretsProject();
    const values = [
      'two\nlines\n',
      '-dash',
      '$(reboot)',
      '0123',
      '1.10',
      'yes',
      'null',
      '~',
      ' padded ',
      "it's",
      '# no comment',
      'a\tb',
      '\r\n',
      '漢字',
      '{',
      '*alias',
      '!tag',
    ];
    for (const [index, value] of values.entries()) {
      await project.secrets.set(`of.key${index}`, value);
    }
    const store = await readSecrets(project.root, project);
    expect(values.map((_, index) => reveal(store.get(`of.key${index}`)))).toEqual(values);
  });

  it('keep any text (property)', async () => {
    const { parseSecrets, flattenSecrets, setSecret } = await import('../../../src/secrets/document.ts');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (value) => {
        const document = parseSecrets('# comment\na: 1\n', 'file');
        setSecret(document, 'b.c', value);
        const text = document.toString({ lineWidth: 0 });
        expect(text).toContain('# comment');
        expect(flattenSecrets(parseSecrets(text, 'file'))).toEqual(
          new Map([
            ['a', '1'],
            ['b.c', value],
          ]),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('are unreadable in the repository', async () => {
    await using project = await secretsProject({ 'nas.password': canary });
    const file = await project.read('inventory/secrets.yml.age');
    expect(file).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
    expect(file).not.toContain('hünter2');
    expect((await stat(project.identityFile)).mode & 0o777).toBe(0o600);
    expect(await project.read('inventory/secrets.recipients')).toMatch(/^age1[0-9a-z]+ {2}# test\n$/);
  });

  it('are none without a file', async () => {
    await using project = await secretsProject();
    expect((await readSecrets(join(project.root, 'home'), project)).paths).toEqual([]);
  });

  it('say which path is missing and which was meant, never a value', async () => {
    await using project = await secretsProject({ 'nas.password': canary, 'nas.key': 'k' });
    const store = await readSecrets(project.root, project);
    const missing = await errorOf(() => store.get('nas.pasword'));
    expect(missing.code).toBe('SECRET_MISSING');
    expect(missing.details.hint).toContain('did you mean "nas.password"?');
    expect((await errorOf(() => store.get('nas'))).details.found).toBe('others below it: nas.password, nas.key');
    expect(formatError(missing)).not.toContain(canary);
  });

  it('have lists, deep paths and names with dots', async () => {
    await using project = await secretsProject();
    const { replace } = await project.secrets.open();
    await replace('tokens:\n  - one\n  - {name: two}\ntls:\n  photos.example.dev: key\nsame: &a x\nother: *a\n');
    const store = await readSecrets(project.root, project);
    expect(store.paths).toEqual(['tokens[0]', 'tokens[1].name', 'tls.photos.example.dev', 'same', 'other']);
    expect(reveal(store.get('other'))).toBe('x');
  });
});

describe('who may open them', () => {
  it('is refused with another identity, told the own public key and what to do', async () => {
    await using project = await secretsProject({ a: canary });
    const other = await generateIdentity();
    await writeFile(project.identityFile, `${other}\n`);
    const error = await errorOf(() => readSecrets(project.root, project));
    expect(error.code).toBe('SECRETS_IDENTITY');
    expect(error.details.found).toContain(await identityToRecipient(other));
    expect(formatError(error)).not.toContain(other);
  });

  it.each([0o644, 0o640, 0o604])('is refused when the identity has mode %o', async (mode) => {
    await using project = await secretsProject();
    await chmod(project.identityFile, mode);
    const error = await errorOf(() => readSecrets(project.root, project));
    expect(error).toMatchObject({ code: 'SECRETS_IDENTITY', details: { hint: `chmod 600 ${project.identityFile}` } });
  });

  it('is refused without an identity, and by one that is none', async () => {
    await using project = await secretsProject();
    const environment = { ...project.environment, LAB_AGE_IDENTITY_FILE: '/nonexistent' };
    const missing = await errorOf(() => readSecrets(project.root, { environment }));
    expect(missing).toMatchObject({ code: 'SECRETS_IDENTITY', details: { found: 'no such file' } });
    await writeFile(project.identityFile, '# comment\nAGE-SECRET-KEY-1QQQQ\n');
    const damaged = await errorOf(() => readSecrets(project.root, project));
    expect(damaged.code).toBe('SECRETS_IDENTITY');
    expect(formatError(damaged)).not.toContain('QQQQ');
    await writeFile(project.identityFile, '# comment\nhello\n');
    const none = await errorOf(() => readSecrets(project.root, project));
    expect(none).toMatchObject({ details: { at: { file: project.identityFile, line: 2 } } });
  });

  it('takes the identities of lab and of SOPS from the configuration folder', async () => {
    await using project = await secretsProject({ a: 'value' });
    const { mkdir } = await import('node:fs/promises');
    const folder = join(project.root, 'config', 'sops', 'age');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'keys.txt'), await readFile(project.identityFile), { mode: 0o600 });
    const environment = { XDG_CONFIG_HOME: join(project.root, 'config') };
    expect(reveal((await readSecrets(project.root, { environment })).get('a'))).toBe('value');
  });

  it('asks for the passphrase of a protected identity', async () => {
    await using project = await secretsProject({ a: 'value' });
    const encrypter = new Encrypter();
    encrypter.setScryptWorkFactor(10);
    encrypter.setPassphrase('correct horse');
    await writeFile(project.identityFile, await encrypter.encrypt(await readFile(project.identityFile, 'utf8')));
    const open = (passphrase: string) =>
      readSecrets(project.root, { ...project, askPassphrase: async () => passphrase });
    expect(reveal((await open('correct horse')).get('a'))).toBe('value');
    expect((await errorOf(() => open('wrong'))).code).toBe('SECRETS_IDENTITY');
    expect((await errorOf(() => readSecrets(project.root, project))).message).toContain('passphrase');
  });
});

describe('a damaged file', () => {
  it.each([
    ['cut off', (text: string) => text.slice(0, -120)],
    ['changed in the middle', (text: string) => replaceAt(text, text.length - 60)],
    ['with conflict marks', (text: string) => text.replace('\n', '\n<<<<<<< HEAD\n')],
  ])('is refused: %s', async (_name, damage) => {
    await using project = await secretsProject({ a: canary });
    const file = project.secrets.paths.file;
    const before = await readFile(file, 'utf8');
    const after = damage(before);
    expect(after).not.toBe(before);
    await writeFile(file, after);
    expect(await errorOf(() => readSecrets(project.root, project))).toMatchObject({
      code: 'SECRETS_FILE',
      details: { at: { file } },
    });
  });

  it('is refused when it is not encrypted, without showing what it holds', async () => {
    await using project = await secretsProject();
    await writeFile(project.secrets.paths.file, `password: ${canary}\n`);
    const error = await errorOf(() => readSecrets(project.root, project));
    expect(error).toMatchObject({ code: 'SECRETS_FILE', message: 'the file is not encrypted' });
    expect(formatError(error)).not.toContain(canary);
  });

  it('tells the places of all YAML mistakes, not the lines', async () => {
    await using project = await secretsProject();
    const error = await errorOf(() => project.secrets.check(`a: ${canary}\na: ${canary}\nb: [${canary}\n`));
    expect(error.details.at?.line).toBe(2);
    expect(error.details.others?.length).toBeGreaterThan(0);
    expect(formatError(error)).not.toContain('hünter2');
    expect((await errorOf(() => project.secrets.check('a: {b: 1}\na.b: 2\n'))).message).toContain('"a.b"');
    expect((await errorOf(() => project.secrets.check('- a\n'))).code).toBe('SECRETS_FILE');
  });
});

describe('recipients', () => {
  it('open the secrets once added, and no longer once removed', async () => {
    await using project = await secretsProject({ a: 'value' });
    const other = await generateIdentity();
    const key = await identityToRecipient(other);
    const otherFile = join(project.root, 'other.txt');
    await writeFile(otherFile, other, { mode: 0o600 });
    const environment = { LAB_AGE_IDENTITY_FILE: otherFile };
    expect((await errorOf(() => readSecrets(project.root, { environment }))).code).toBe('SECRETS_IDENTITY');
    await project.secrets.addRecipient(key, 'ana, laptop');
    expect(reveal((await readSecrets(project.root, { environment })).get('a'))).toBe('value');
    await project.secrets.removeRecipient('ana, laptop');
    expect((await errorOf(() => readSecrets(project.root, { environment }))).code).toBe('SECRETS_IDENTITY');
    expect(reveal((await readSecrets(project.root, project)).get('a'))).toBe('value');
    expect(await project.read('inventory/secrets.recipients')).not.toContain(key);
  });

  it('that are none are told all at once, a private key without its text', async () => {
    await using project = await secretsProject();
    const privateKey = await generateIdentity();
    const list = await project.read('inventory/secrets.recipients');
    await writeFile(
      project.secrets.paths.recipients,
      `${list}age1nonsense\n# comment\nssh-ed25519 AAAA\n${privateKey}\n`,
    );
    const error = await errorOf(() => project.secrets.recipients());
    const all = [error, ...(error.details.others ?? [])];
    expect(all.map(({ details }) => details.at?.line)).toEqual([2, 4, 5]);
    expect(formatError(error)).not.toContain(privateKey);
    expect((await errorOf(() => project.secrets.addRecipient('age1x', ''))).code).toBe('SECRETS_FILE');
  });

  it('never become nobody, nor everybody but you', async () => {
    await using project = await secretsProject({ a: 'value' });
    const [own] = await project.secrets.recipients();
    await project.secrets.addRecipient(await identityToRecipient(await generateIdentity()), 'ana');
    const error = await errorOf(() => project.secrets.removeRecipient(own?.key ?? ''));
    expect(error.message).toContain('could not open the secrets yourself');
    expect(await project.secrets.recipients()).toHaveLength(2);
    expect((await errorOf(() => project.secrets.removeRecipient('bob'))).message).toBe('"bob" is no recipient');
  });

  it('changed by hand take effect with rotate', async () => {
    await using project = await secretsProject({ a: 'value' });
    const file = project.secrets.paths.recipients;
    await writeFile(file, `${await readFile(file, 'utf8')}${await identityToRecipient(await generateIdentity())}\n`);
    expect(await project.secrets.rotate()).toEqual({ before: 1, after: 2 });
    expect(await project.secrets.rotate()).toEqual({ before: 2, after: 2 });
  });
});

describe('changes', () => {
  it('keep comments and order, and refuse a path through a value', async () => {
    await using project = await secretsProject({ 'nas.password': 'a', 'web.key': 'b' });
    const { text, replace } = await project.secrets.open();
    await replace(text.replace('nas:', '# the big one\nnas:'));
    await project.secrets.set('nas.password', 'new');
    const after = (await project.secrets.open()).text;
    expect(after).toContain('# the big one\nnas:\n  password: new\nweb:');
    expect((await errorOf(() => project.secrets.set('nas.password.x', 'a'))).details.found).toBe(
      'nas.password is a value',
    );
    expect((await errorOf(() => project.secrets.set('nas', 'a'))).details.found).toBe('nas holds other secrets');
    expect((await errorOf(() => project.secrets.set('nas..x', 'a'))).code).toBe('USAGE');
  });

  it('are not lost when somebody else changed the file meanwhile', async () => {
    await using project = await secretsProject({ a: 'old' });
    const { replace } = await project.secrets.open();
    await project.secrets.set('a', 'theirs');
    const error = await errorOf(() => replace('a: mine\n'));
    expect(error.message).toContain('meanwhile');
    expect(reveal((await readSecrets(project.root, project)).get('a'))).toBe('theirs');
    const kept = await readFile(`${project.secrets.paths.file}.edited`);
    expect(Buffer.from(await openSealed(kept, 'kept', project)).toString()).toBe('a: mine\n');
  });

  it('do not overwrite an existing file by init', async () => {
    await using project = await secretsProject({ a: 'value' });
    expect((await errorOf(() => new SecretsFile(project.root, project).init('again'))).code).toBe('SECRETS_FILE');
  });
});

describe('sealed bytes', () => {
  it('are opened by a recipient only', async () => {
    await using project = await secretsProject();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const sealed = Buffer.from(await sealFor(project.root, bytes));
    expect(Buffer.from(await openSealed(sealed, 'plan', project)).equals(bytes)).toBe(true);
    await writeFile(project.identityFile, await generateIdentity());
    expect((await errorOf(() => openSealed(sealed, 'plan', project))).code).toBe('SECRETS_IDENTITY');
  });
});

describe("secret('…')", () => {
  it('gives a Secret while a project is open, and an error with its place otherwise', async () => {
    await using project = await secretsProject({ 'nas.password': canary });
    const outside = await errorOf(() => secret('nas.password'));
    expect(outside).toMatchObject({
      code: 'SECRETS_FILE',
      details: { at: { file: import.meta.filename ?? __filename } },
    });
    {
      using _open = await useSecrets(project.root, project);
      expect(reveal(secret('nas.password'))).toBe(canary);
      expect(`${secret('nas.password')}`).toBe('‹secret›');
      expect(openedSecrets().map(reveal)).toContain(canary);
      const missing = await errorOf(() => secret('nas.pasword'));
      expect(missing).toMatchObject({ code: 'SECRET_MISSING', details: { at: { line: expect.any(Number) } } });
    }
    expect((await errorOf(() => secret('nas.password'))).code).toBe('SECRETS_FILE');
  });

  it('tells of a missing identity only when a secret is asked for', async () => {
    await using project = await secretsProject({ a: 'x' });
    using _open = await useSecrets(project.root, { environment: { LAB_AGE_IDENTITY_FILE: '/nonexistent' } });
    expect((await errorOf(() => secret('a'))).code).toBe('SECRETS_IDENTITY');
  });

  it('takes values from the environment', async () => {
    vi.stubEnv('LAB_TEST_TOKEN', 'token-value').stubEnv('LAB_TEST_EMPTY', '');
    expect(reveal(secret.fromEnvironment('LAB_TEST_TOKEN'))).toBe('token-value');
    expect(openedSecrets().map(reveal)).toContain('token-value');
    expect((await errorOf(() => secret.fromEnvironment('LAB_TEST_TOKKEN'))).details.hint).toBe(
      'did you mean LAB_TEST_TOKEN?',
    );
    expect((await errorOf(() => secret.fromEnvironment('LAB_TEST_EMPTY'))).message).toContain('is empty');
    vi.unstubAllEnvs();
  });

  it('can be stood in for', () => {
    using _open = usePlaceholders();
    expect(reveal(secret('any.path'))).toBe('');
  });
});
