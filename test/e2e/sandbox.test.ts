import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sandboxHostKeys } from '../../src/sandbox/state-folder.ts';
import { ownSandboxName } from '../support/sweep.ts';

/** Through the built program, as a user does; beside whatever sandbox the developer has up. */
const lab = fileURLToPath(new URL('../../bin/lab.js', import.meta.url));
const sandbox = ownSandboxName();
const folder = mkdtempSync(join(tmpdir(), 'labwright-sandbox-'));
const run = promisify(execFile);

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function command(argv: readonly string[], cwd = folder): Promise<Outcome> {
  try {
    const { stdout, stderr } = await run(argv[0] ?? '', argv.slice(1), { cwd });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

const sandboxCommand = (name: string, ...argv: string[]) =>
  command([process.execPath, lab, 'sandbox', name, '--name', sandbox, ...argv]);
const inside = (host: string, ...argv: string[]) => sandboxCommand('shell', host, '--', ...argv);
const leftovers = async () => {
  const filter = `label=dev.labwright.sandbox.name=${sandbox}`;
  const lists = await Promise.all([
    command(['docker', 'ps', '--all', '--quiet', '--filter', filter]),
    command(['docker', 'network', 'ls', '--quiet', '--filter', filter]),
    command(['docker', 'volume', 'ls', '--quiet', '--filter', filter]),
  ]);
  return lists.map(({ stdout }) => stdout).join('');
};

beforeAll(() => {
  mkdirSync(join(folder, 'inventory'));
  const inventory = `
networks:
  public: { prefixes: [10.76.0.0/24, "fd76::/64"], public: true }
  home: { prefixes: 10.76.1.0/24 }
hosts:
  vps: { addresses: { public: [10.76.0.10, "fd76::10"] }, ssh: { user: admin } }
  nas: { addresses: { home: 10.76.1.10 } }
`;
  writeFileSync(join(folder, 'inventory', 'index.yml'), inventory);
});

afterAll(async () => {
  await sandboxCommand('down');
  rmSync(folder, { recursive: true });
});

describe.sequential('the sandbox', () => {
  test('boots the hosts of the inventory, and a second time does nothing', async () => {
    const first = await sandboxCommand('up');
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('the sandbox is up') });
    const ids = () => command(['docker', 'ps', '--quiet', '--filter', `label=dev.labwright.sandbox.name=${sandbox}`]);
    const before = (await ids()).stdout;
    const second = await sandboxCommand('up');
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('all was up') });
    expect((await ids()).stdout).toBe(before);
  });

  test('shows every machine, and that sshd answers', async () => {
    const { machines } = JSON.parse((await sandboxCommand('status', '--output', 'json')).stdout);
    expect(machines).toMatchObject([
      { name: 'vps', container: `${sandbox}-vps`, kind: 'host', state: 'running', ssh: true },
      { name: 'nas', addresses: ['10.76.1.10'], state: 'running', ssh: true },
      { name: 'router', kind: 'router', state: 'running', ssh: null },
      { name: 'internet', kind: 'client', addresses: [expect.stringMatching(/^10\.76\.0\.50$/), expect.any(String)] },
    ]);
  });

  test('keeps its keys to itself, and pins the host keys that the hosts have', async () => {
    const keys = join(folder, '.lab', `sandbox-${sandbox}`);
    expect(statSync(keys).mode & 0o777).toBe(0o700);
    expect(statSync(join(keys, 'id_ed25519')).mode & 0o777).toBe(0o600);
    const pinned = sandboxHostKeys(folder)
      .get('10.76.1.10')
      ?.map(({ base64 }) => base64);
    const own = (await inside('nas', 'cat', '/etc/ssh/ssh_host_ed25519_key.pub')).stdout.split(' ')[1];
    expect(pinned).toContain(own);
  });

  test('runs systemd, and the user of the inventory has sudo', async () => {
    expect((await inside('vps', 'systemctl', 'is-system-running')).stdout).toBe('running\n');
    expect((await inside('vps', 'su', 'admin', '-c', 'sudo -n id -u')).stdout).toBe('0\n');
  });

  test('home reaches the outside, behind one address; the outside does not reach home', async () => {
    const reaches = async (from: string, to: string) => (await inside(from, 'ping', '-c1', '-W2', to)).code === 0;
    expect(await reaches('nas', '10.76.0.10')).toBe(true);
    expect(await reaches('internet', '10.76.0.10')).toBe(true);
    expect(await reaches('internet', 'fd76::10')).toBe(true);
    expect(await reaches('internet', '10.76.1.10')).toBe(false);
    // Also for one that knows the way: the router drops it.
    const { stdout } = await inside('internet', 'ip', 'route', 'add', '10.76.1.0/24', 'via', '10.76.0.253');
    expect(stdout).toBe('');
    expect(await reaches('internet', '10.76.1.10')).toBe(false);
  });

  test('what a role changes there survives "up" and a reboot, as on a real host', async () => {
    await inside('nas', 'hostnamectl', 'set-hostname', 'storage');
    const starts = () => command(['docker', 'inspect', '--format={{.RestartCount}}', `${sandbox}-nas`]);
    await inside('nas', 'systemctl', 'reboot');
    await expect.poll(async () => (await starts()).stdout, { timeout: 20_000 }).toBe('1\n');
    expect(await sandboxCommand('up')).toMatchObject({ code: 0, stdout: expect.stringContaining('all was up') });
    expect((await inside('nas', 'hostname')).stdout).toBe('storage\n');
  });

  test('a host that is gone is booted again, the others stay', async () => {
    const vps = (await command(['docker', 'inspect', '--format', '{{.Id}}', `${sandbox}-vps`])).stdout;
    await command(['docker', 'rm', '--force', `${sandbox}-nas`]);
    expect((await sandboxCommand('up')).stderr).toBe(`${sandbox}-nas is started\n`);
    expect((await command(['docker', 'inspect', '--format', '{{.Id}}', `${sandbox}-vps`])).stdout).toBe(vps);
  });

  test('a name that is no host is a usage error with a suggestion', async () => {
    expect(await inside('nass', 'true')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('did you mean "nas"?'),
    });
  });

  test("the exit code of a command in a host is the command's", async () => {
    expect((await inside('nas', 'sh', '-c', 'exit 42')).code).toBe(42);
  });

  test('another project is not disturbed', async () => {
    const other = mkdtempSync(join(tmpdir(), 'labwright-other-'));
    mkdirSync(join(other, 'inventory'));
    const text =
      'networks: { home: { prefixes: 10.75.1.0/24 } }\nhosts: { nas: { addresses: { home: 10.75.1.10 } } }\n';
    writeFileSync(join(other, 'inventory', 'index.yml'), text);
    const up = await command([process.execPath, lab, 'sandbox', 'up', '--name', sandbox], other);
    rmSync(other, { recursive: true });
    expect(up).toMatchObject({ code: 1, stderr: expect.stringContaining(`of ${folder}`) });
  });

  test('without an engine it says what is missing and what to do, before it does anything', async () => {
    const up = await command(['env', 'DOCKER_HOST=unix:///nonexistent.sock', process.execPath, lab, 'sandbox', 'up']);
    expect(up).toMatchObject({ code: 4, stderr: expect.stringContaining('SANDBOX_REQUIREMENTS') });
    expect(up.stderr).toMatch(/hint .*dockerd/);
    const path = join(folder, 'bin');
    mkdirSync(path);
    symlinkSync('/bin/bash', join(path, 'bash'));
    const none = await command(['env', `PATH=${path}`, process.execPath, lab, 'sandbox', 'up']);
    expect(none).toMatchObject({ code: 4, stderr: expect.stringContaining('apt-get install') });
  });

  test('down leaves nothing behind, and is fine with nothing to do', async () => {
    expect(await leftovers()).not.toBe('');
    expect((await sandboxCommand('down')).code).toBe(0);
    expect(await leftovers()).toBe('');
    expect(existsSync(join(folder, '.lab', `sandbox-${sandbox}`))).toBe(false);
    expect((await sandboxCommand('down')).stdout).toBe('there was no sandbox\n');
  });
});
