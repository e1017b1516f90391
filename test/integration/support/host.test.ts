import { expect, test } from 'vitest';
import { startHost } from '../../support/host.ts';

test('a Debian host runs systemd, answers on SSH and presents the pinned key', async () => {
  await using host = await startHost();
  expect(await host.sh('systemctl is-system-running')).toBe('running\n');
  expect(await login(host.connection, host.hostKeys)).toBe('0\n');
});

test('a user may log in and needs a password for sudo', async () => {
  const user = { name: 'admin', password: `it's "$HOME"`, sudo: 'password' } as const;
  await using host = await startHost({ user });
  expect(host.connection).toMatchObject({ user: 'admin', become: 'sudo' });
  expect(await login(host.connection, host.hostKeys)).not.toBe('0\n');
  expect(await login(host.connection, host.hostKeys, 'sudo -n true 2>&1 || echo refused')).toContain('refused');
  const sudo = `printf '%s\\n' 'it'"'"'s "$HOME"' | sudo -S -p '' id -u`;
  expect(await login(host.connection, host.hostKeys, sudo)).toBe('0\n');
});

test('a busybox host has no coreutils, no systemd, and a busybox shell', async () => {
  await using host = await startHost({ variant: 'busybox' });
  expect(await host.sh('readlink -f /bin/sh; [ -d /run/systemd ] || echo none')).toBe('/bin/busybox\nnone\n');
  expect(await login(host.connection, host.hostKeys)).toBe('0\n');
});

test('a host comes back from a reboot', async () => {
  await using host = await startHost({ restart: true });
  await host.sh('touch /run/before; systemctl reboot');
  await expect
    .poll(() => host.exec(['test', '-e', '/run/before']).then((r) => r.exitCode), { timeout: 20_000 })
    .toBe(1);
  const back = await host.waitUntilBack();
  expect((await back.exec(['test', '-e', '/run/before'])).exitCode).toBe(1);
  expect(await back.sh('systemctl is-system-running')).toBe('running\n');
  expect(back.hostKeys).toEqual(host.hostKeys);
});

test('a package is there from the start, and an immutable flag can be set', async () => {
  await using host = await startHost({
    packages: ['tree'],
    capabilities: ['LINUX_IMMUTABLE'],
    tmpfs: { '/srv': 'size=64k' },
  });
  expect(await host.sh('command -v tree')).toBe('/usr/bin/tree\n');
  expect((await host.exec(['sh', '-c', 'touch /root/f && chattr +i /root/f && rm -f /root/f'])).exitCode).not.toBe(0);
  expect((await host.exec(['dd', 'if=/dev/zero', 'of=/srv/f', 'bs=128k', 'count=1'])).stderr).toContain(
    'No space left',
  );
});

async function login(
  settings: { address: string; user?: string | undefined; identityFile?: string | undefined },
  keys: readonly { base64: string }[],
  command = 'id -u',
): Promise<string> {
  const { NodeSSH } = await import('node-ssh');
  const ssh = new NodeSSH();
  await ssh.connect({
    host: settings.address,
    username: settings.user ?? 'root',
    ...(settings.identityFile !== undefined && { privateKeyPath: settings.identityFile }),
    hostVerifier: (key: Buffer) => keys.some(({ base64 }) => key.toString('base64') === base64),
  });
  try {
    const { stdout } = await ssh.execCommand(command, { trim: false } as never);
    return stdout.endsWith('\n') ? stdout : `${stdout}\n`;
  } finally {
    ssh.dispose();
  }
}
