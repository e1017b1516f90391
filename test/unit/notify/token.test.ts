import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { notifyToken } from '../../../src/notify/token.ts';
import { formatError, type LabError } from '../../../src/shared/errors.ts';
import { reveal } from '../../../src/shared/secret.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-token-'));
  file = join(folder, 'token');
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(text: string, mode: number): void {
  writeFileSync(file, text);
  chmodSync(file, mode);
}

const refusal = async (...argv: Parameters<typeof notifyToken>) =>
  notifyToken(...argv).then(
    () => 'none',
    (error: LabError) => formatError(error),
  );

it.each([[0o600], [0o400]])('is read from a file of mode %o, before the environment', async (mode) => {
  write('tk_file\n', mode);
  const token = await notifyToken(file, { LAB_NOTIFY_TOKEN: 'tk_environment' });
  expect(reveal(token ?? '')).toBe('tk_file');
  expect(`${token}`).toBe('‹secret›');
});

it('is read from the environment', async () => {
  expect(reveal((await notifyToken(undefined, { LAB_NOTIFY_TOKEN: 'tk_environment' })) ?? '')).toBe('tk_environment');
  expect(await notifyToken(undefined, {})).toBeUndefined();
  expect(await notifyToken(undefined, { LAB_NOTIFY_TOKEN: '' })).toBeUndefined();
});

it.each([[0o640], [0o604], [0o620]])('is refused from a file of mode %o', async (mode) => {
  write('tk_canary\n', mode);
  const error = await refusal(file);
  expect(error).toMatch(/^USAGE: others on this machine can read the token\n {2}at {8}.*\/token\n/);
  expect(error).toContain(`chmod 600 ${file}`);
  expect(error).not.toContain('canary');
});

it.each(['', '\n', 'canary one\n', 'canary\nX-Header: 1\n', 'canäry\n'])('is refused when it is %j', async (text) => {
  write(text, 0o600);
  const error = await refusal(file);
  expect(error).toMatch(/^USAGE: .* holds no token/);
  expect(error).not.toMatch(/can[aä]ry/);
  if (text.trim() !== '') expect(await refusal(undefined, { LAB_NOTIFY_TOKEN: text })).toMatch(/^USAGE: /);
});

it('says that the file is missing', async () => {
  expect(await refusal(join(folder, 'nothing'))).toMatch(/^USAGE: the token cannot be read: ENOENT/);
});
