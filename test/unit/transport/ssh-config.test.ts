import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { resolveEndpoint } from '../../../src/transport/ssh-config.ts';
import { account, hasRelevantConfig } from '../../../src/transport/ssh-config-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'lab-ssh-config-'));
const configFile = join(directory, 'config');
const { home } = account();
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => {
  vi.unstubAllEnvs();
});

const resolve = (config: string, more: object = {}) => {
  writeFileSync(configFile, config);
  return resolveEndpoint({ name: 'nas', address: 'nas', configFile, ...more });
};

describe('ssh -G', () => {
  test('resolves an alias as ssh does', async () => {
    writeFileSync(join(directory, 'included'), 'Host nas\n  Port 2222\n');
    const endpoint = await resolve(`
      Include ${join(directory, 'included')}
      Host nas
        HostName %h.example
        User admin
        IdentityFile ~/keys/%r@%h
        IdentityFile /etc/second
        IdentitiesOnly yes
        IdentityAgent ~/agent.sock
        ProxyJump ops@a:1,b
        ServerAliveInterval 5
        ServerAliveCountMax 2
        ConnectTimeout 4
        HostKeyAlias box
        StrictHostKeyChecking yes
        UserKnownHostsFile /tmp/one ~/two
        GlobalKnownHostsFile /dev/null
        AddressFamily inet6`);
    expect(endpoint).toEqual({
      name: 'nas',
      address: 'nas.example',
      port: 2222,
      user: 'admin',
      family: 6,
      identityFiles: [join(home, 'keys/admin@nas.example'), '/etc/second'],
      identitiesOnly: true,
      agent: join(home, 'agent.sock'),
      certificateFiles: [],
      proxyJump: ['ops@a:1', 'b'],
      proxyCommand: undefined,
      connectTimeoutSeconds: 4,
      keepAliveSeconds: 5,
      keepAliveCount: 2,
      knownHostsFiles: ['/tmp/one', join(home, 'two'), '/dev/null'],
      hostKeyAlias: 'box',
      refuseUnknownKeys: true,
    });
  });

  test('the inventory wins, and Match sees what it says', async () => {
    const config = 'Host nas\n User a\n Port 1\n ProxyJump x\n ConnectTimeout 3\nMatch user root\n HostKeyAlias seen\n';
    const endpoint = await resolve(config, { user: 'root', port: 22, proxyJump: [], connectTimeoutSeconds: 7 });
    expect(endpoint).toMatchObject({ user: 'root', port: 22, proxyJump: [], connectTimeoutSeconds: 7 });
    expect(endpoint.hostKeyAlias).toBe('seen');
  });

  test('ssh never keeps a connection alive by itself; lab does', async () => {
    expect(await resolve('')).toMatchObject({ keepAliveSeconds: 15, keepAliveCount: 3, connectTimeoutSeconds: 10 });
  });

  test('a proxy command has its tokens filled in', async () => {
    expect((await resolve('Host *\n ProxyCommand nc %h %p %%\n Port 7')).proxyCommand).toBe('nc nas 7 %');
  });

  test('the agent may be none, or named by a variable', async () => {
    vi.stubEnv('SSH_AUTH_SOCK', '/run/agent');
    vi.stubEnv('OTHER_AGENT', '/run/other');
    expect((await resolve('')).agent).toBe('/run/agent');
    expect((await resolve('IdentityAgent none')).agent).toBeUndefined();
    expect((await resolve('IdentityAgent $OTHER_AGENT')).agent).toBe('/run/other');
  });

  test('an error in the configuration is told at its line', async () => {
    await expect(resolve('Host *\n  Foo bar\n')).rejects.toMatchObject({
      code: 'SSH_CONFIG',
      details: { at: { file: configFile, line: 2 }, output: expect.stringContaining('Bad configuration option: foo') },
    });
  });

  test('a configuration file that does not exist is no silent default', async () => {
    await expect(resolve('', { configFile: join(directory, 'nope') })).rejects.toMatchObject({ code: 'SSH_CONFIG' });
  });

  test('an IPv6 address needs no brackets, and keeps its zone', async () => {
    expect(await resolve('', { address: '[fd00::2]' })).toMatchObject({ address: 'fd00::2' });
    expect(await resolve('', { address: 'fe80::1%eth0' })).toMatchObject({ address: 'fe80::1%eth0' });
  });

  test.each(['-oProxyCommand=touch /tmp/x', '', 'a b', 'a\nb', 'a\0b'])(
    '%j is refused before ssh sees it',
    async (address) => {
      await expect(resolve('', { address })).rejects.toMatchObject({ code: 'SSH_CONFIG' });
    },
  );

  test('without ssh on this machine its defaults apply', async () => {
    vi.stubEnv('PATH', '/nonexistent');
    const endpoint = await resolve('Host *\n Port 99\n');
    expect(endpoint).toMatchObject({ address: 'nas', port: 22, user: account().user, proxyJump: [] });
    expect(endpoint.identityFiles[0]).toBe(join(home, '.ssh/id_ed25519'));
  });
});

describe('whether a configuration matters', () => {
  const matters = (text: string) => {
    writeFileSync(configFile, text);
    return hasRelevantConfig([join(directory, 'absent'), configFile]);
  };

  test('as Debian ships it: no', () => {
    mkdirSync(join(directory, 'empty.d'), { recursive: true });
    expect(
      matters(
        `# comment\nInclude ${directory}/empty.d/*.conf\n\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n`,
      ),
    ).toBe(false);
  });

  test.each([
    'Host nas\n HostName 10.0.0.2',
    'Port=2222',
    'User "admin"',
    'Match all',
    'Include other',
    'Include ~/.ssh/*.conf',
    '?',
  ])('%j: yes', (text) => {
    expect(matters(text)).toBe(true);
  });

  test('an included file counts', () => {
    mkdirSync(join(directory, 'full.d'), { recursive: true });
    writeFileSync(join(directory, 'full.d', 'a.conf'), 'Port 2222\n');
    expect(matters('Include full.d/*.conf')).toBe(true);
  });
});
