import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { formatError, LabError } from '../../../src/shared/errors.ts';
import type { HostKey } from '../../../src/transport/contract.ts';
import type { Endpoint } from '../../../src/transport/endpoint.ts';
import { judgeHostKey, knownKeyTypes, readKnownHostKeys } from '../../../src/transport/host-keys.ts';

const directory = mkdtempSync(join(tmpdir(), 'lab-host-keys-'));
const file = join(directory, 'known_hosts');
afterAll(() => rmSync(directory, { recursive: true }));

const [presented, other, ofOtherType] = ['one', 'two', 'three'].map((text, index) => ({
  type: index === 2 ? 'ssh-rsa' : 'ssh-ed25519',
  base64: Buffer.from(text).toString('base64'),
})) as [HostKey, HostKey, HostKey];
const line = (hosts: string, { type, base64 }: HostKey) => `${hosts} ${type} ${base64}`;

async function known(lines: readonly string[], pinned: readonly HostKey[] = [], more: Partial<Endpoint> = {}) {
  writeFileSync(file, lines.join('\n'));
  const policy = { pinned: () => pinned, firstContact: async () => false };
  const endpoint = { name: 'nas', address: '10.0.0.2', port: 22, knownHostsFiles: [file], ...more } as Endpoint;
  return { keys: await readKnownHostKeys(endpoint, policy), endpoint };
}

async function verdict(...args: Parameters<typeof known>): Promise<string> {
  const { keys, endpoint } = await known(...args);
  const outcome = judgeHostKey(endpoint, keys, presented);
  return outcome instanceof LabError ? outcome.code : outcome;
}

describe('known_hosts', () => {
  test('trusts the key that is listed', async () => {
    expect(await verdict([line('10.0.0.2', presented)])).toBe('trusted');
  });
  test('trusts it beside others', async () => {
    expect(await verdict([line('10.0.0.2', other), line('10.0.0.2', presented)])).toBe('trusted');
  });
  test('does not know a host that is not listed', async () => {
    expect(await verdict([line('10.0.0.3', presented)])).toBe('unknown');
  });
  test('refuses another key', async () => {
    expect(await verdict([line('10.0.0.2', other)])).toBe('HOST_KEY_CHANGED');
  });
  test('refuses a key of another type: the host was asked for the known one first', async () => {
    expect(await verdict([line('10.0.0.2', ofOtherType)])).toBe('HOST_KEY_CHANGED');
  });
  test('refuses a revoked key even where it is listed', async () => {
    expect(await verdict([line('10.0.0.2', presented), line('@revoked *', presented)])).toBe('HOST_KEY_CHANGED');
  });
  test('takes no certificate authority for a host key', async () => {
    expect(await verdict([line('@cert-authority 10.0.0.2', presented)])).toBe('unknown');
  });
  test('trusts a key known for the same name on port 22, but does not doubt another by it', async () => {
    expect(await verdict([line('10.0.0.2', presented)], [], { port: 2222 })).toBe('trusted');
    expect(await verdict([line('10.0.0.2', other)], [], { port: 2222 })).toBe('unknown');
  });
  test('looks the alias up where there is one', async () => {
    expect(await verdict([line('box', presented)], [], { hostKeyAlias: 'box', port: 2222 })).toBe('trusted');
    expect(await verdict([line('10.0.0.2', other)], [], { hostKeyAlias: 'box' })).toBe('unknown');
  });
});

describe('the lock file', () => {
  test('decides alone', async () => {
    expect(await verdict([line('10.0.0.2', presented)], [other])).toBe('HOST_KEY_CHANGED');
    expect(await verdict([line('10.0.0.2', other)], [presented])).toBe('trusted');
  });
  test('does not overrule a revocation', async () => {
    expect(await verdict([line('@revoked *', presented)], [presented])).toBe('HOST_KEY_CHANGED');
  });
});

test('known types are asked for first', async () => {
  const { keys } = await known([line('10.0.0.2', ofOtherType), line('@revoked *', other)]);
  expect(knownKeyTypes(keys)).toEqual(['ssh-rsa']);
});

test('a change is told with both fingerprints, the line, and the command that helps', async () => {
  const { keys, endpoint } = await known(['# first', line('[10.0.0.2]:2222', other)], [], { port: 2222 });
  const text = formatError(judgeHostKey(endpoint, keys, presented) as LabError);
  expect(text).toContain(`${file}:2`);
  expect(text).toMatch(/expected {2}ssh-ed25519 SHA256:\S+/);
  expect(text).toMatch(/found {5}ssh-ed25519 SHA256:\S+/);
  expect(text).toContain(`ssh-keygen -f '${file}' -R '[10.0.0.2]:2222'`);
});
