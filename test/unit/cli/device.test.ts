import { execFile, execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ConfigurationFile } from '../../../src/cli/device/configuration-file.ts';

const jiti = fileURLToPath(new URL('../../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const cli = fileURLToPath(new URL('../../support/run-cli.ts', import.meta.url));

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lab-device-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
});

describe('the file of a configuration', () => {
  const fileAt = (name: string) => new ConfigurationFile(join(root, name));

  it('is for its owner alone, and stays when it is kept', async () => {
    {
      await using file = fileAt('phone.conf');
      await file.reserve();
      await file.write('secret\n');
      file.keep();
    }
    expect(readFileSync(join(root, 'phone.conf'), 'utf8')).toBe('secret\n');
    expect(statSync(join(root, 'phone.conf')).mode & 0o777).toBe(0o600);
    expect(readdirSync(root)).toEqual(['phone.conf']);
  });

  it.each(['reserved', 'written'])('leaves nothing when it was only %s', async (how) => {
    {
      await using file = fileAt('phone.conf');
      await file.reserve();
      if (how === 'written') await file.write('secret\n');
      expect(existsSync(join(root, 'phone.conf'))).toBe(true);
    }
    expect(readdirSync(root)).toEqual([]);
  });

  it('never takes the place of what is there, nor removes it', async () => {
    writeFileSync(join(root, 'phone.conf'), 'the only copy');
    symlinkSync('nowhere', join(root, 'link.conf'));
    for (const name of ['phone.conf', 'link.conf', 'no/such/folder.conf']) {
      await using file = fileAt(name);
      await expect(file.reserve()).rejects.toMatchObject({ code: 'USAGE' });
    }
    expect(readFileSync(join(root, 'phone.conf'), 'utf8')).toBe('the only copy');
    expect(readdirSync(root).sort()).toEqual(['link.conf', 'phone.conf']);
  });

  it('takes a name that a killed command had taken and never filled', async () => {
    writeFileSync(join(root, 'phone.conf'), '', { mode: 0o644 });
    await using file = fileAt('phone.conf');
    await file.reserve();
    await file.write('secret\n');
    file.keep();
    expect(statSync(join(root, 'phone.conf')).mode & 0o777).toBe(0o600);
  });

  it('says where it could not be written, and never what', async () => {
    mkdirSync(join(root, 'stick'));
    await using file = fileAt('stick/phone.conf');
    await file.reserve();
    rmSync(join(root, 'stick'), { recursive: true });
    const error = await file.write('secret\n').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STEP_FAILED', message: expect.stringContaining('stick/phone.conf') });
    expect(JSON.stringify((error as { details: unknown }).details)).not.toContain('secret');
  });

  it('is told apart where version control would take it up', async () => {
    expect(await fileAt('phone.conf').isInGit()).toBe(false);
    execFileSync('git', ['init', '--quiet', root]);
    expect(await fileAt('phone.conf').isInGit()).toBe(true);
    writeFileSync(join(root, '.gitignore'), '/*.conf\n');
    expect(await fileAt('phone.conf').isInGit()).toBe(false);
  });
});

describe('lab device', () => {
  /** Nobody listens on port 1. */
  const inventory = `networks:
  public: { prefixes: 127.0.0.0/8, public: true }
  vpn: { prefixes: [10.80.0.0/24, 'fd80::/64'], tunnel: true }
  home: { prefixes: 192.168.1.0/24 }
ssh: { user: root, port: 1, configFile: ssh_config }
hosts:
  vps: { addresses: { public: 127.0.0.1, vpn: 10.80.0.1 } }
devices:
  phone: { owner: ada, addresses: { vpn: auto } }
  printer: { addresses: { home: 192.168.1.20 } }
`;
  const lab = (...argv: string[]) => {
    const home = join(root, 'home');
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      XDG_CACHE_HOME: home,
      XDG_STATE_HOME: home,
      XDG_CONFIG_HOME: home,
    };
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [jiti, cli, 'device', ...argv], { cwd: root, env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  };
  const lockFile = () => join(root, 'inventory/lab.lock.yml');
  const rememberKeys = (name: string) =>
    writeFileSync(
      lockFile(),
      `version: 1\nhosts: {}\ndevices:\n  ${name}:\n    wireguard:\n      device: ${Buffer.alloc(32, name).toString('base64')}\n`,
    );
  beforeEach(() => {
    for (const folder of ['inventory', 'home']) mkdirSync(join(root, folder));
    writeFileSync(join(root, 'inventory/index.yml'), inventory);
    writeFileSync(join(root, 'ssh_config'), '');
  });

  it('add writes and draws nothing while the gateway does not answer', { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await lab('add', 'phone');
    expect(code).toBe(3);
    expect(stderr).toContain('vps has to be changed first, and does not answer');
    expect(stdout).not.toMatch(/PrivateKey|▀/);
    expect(existsSync(join(root, 'phone.conf'))).toBe(false);
    expect(readFileSync(lockFile(), 'utf8')).not.toContain('wireguard:');
  });

  it.each([
    ['watch', /no device "watch"[\s\S]*at +\S*index\.yml[\s\S]*devices: \{ watch: /],
    ['printer', /printer has no address on the tunnel "vpn"[\s\S]*expected +addresses: \{ vpn: 'auto' \}/],
  ])('add %s says what to write in which file', { timeout: 60_000 }, async (name, told) => {
    expect(await lab('add', name)).toMatchObject({ code: 4, stderr: expect.stringMatching(told) });
    expect(existsSync(join(root, `${name}.conf`))).toBe(false);
  });

  it('add refuses a device that has keys, and names the ways on', { timeout: 60_000 }, async () => {
    rememberKeys('phone');
    const { code, stderr } = await lab('add', 'phone');
    expect([code, stderr]).toEqual([4, expect.stringMatching(/phone has keys already[\s\S]*rotate[\s\S]*revoke/)]);
    expect(existsSync(join(root, 'phone.conf'))).toBe(false);
  });

  it('list shows what the lock file has while the gateway does not answer', { timeout: 60_000 }, async () => {
    rememberKeys('phone');
    const { code, stdout, stderr } = await lab('list');
    expect(code).toBe(3);
    expect(stdout).toMatch(/^phone +ada +10\.80\.0\.2 fd80::2 +vps +yes$/m);
    expect(stdout).not.toContain('printer');
    expect(stderr).toContain('UNREACHABLE');
  });

  it('revoke keeps the keys in the lock file while the gateway still lets it in', { timeout: 60_000 }, async () => {
    rememberKeys('phone');
    expect((await lab('revoke', 'phone')).code).toBe(3);
    expect(readFileSync(lockFile(), 'utf8')).toContain('device: ');
  });
});
