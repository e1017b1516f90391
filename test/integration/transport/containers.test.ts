import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatError, type LabError } from '../../../src/shared/errors.ts';
import { Secret } from '../../../src/shared/secret.ts';
import type { ConnectionSettings } from '../../../src/transport/contract.ts';
import { collect, connect } from '../../../src/transport/index.ts';
import { type StartedHost, startHost } from '../../support/host.ts';

/** What sshd on loopback cannot show without changing this machine: accounts with passwords, PAM, containers. */
const password = 'correct horse "battery" $(staple)';
let host: StartedHost;
beforeAll(async () => {
  host = await startHost({ user: { name: 'ada', password, sudo: 'password' } });
});
afterAll(() => host?.remove());

const dial = (more: Partial<ConnectionSettings> = {}) =>
  connect(
    'nas',
    { ...host.connection, ...more },
    { hostKeys: { pinned: () => host.hostKeys, firstContact: async () => false } },
  );

async function userOf(more: Partial<ConnectionSettings>): Promise<string> {
  await using connection = await dial(more);
  return (await collect(await connection.start(['id', '-un']))).stdout.toString().trim();
}

async function sshdOption(line: string): Promise<void> {
  await host.sh(`echo '${line}' >/etc/ssh/sshd_config.d/00-transport-test.conf && systemctl reload ssh`);
  await expect.poll(() => host.sh(`sshd -T | grep -ic '^${line}$' || true`)).toBe('1\n');
}

describe('a password', () => {
  const only = { identityFile: undefined, password: new Secret(password) };

  test('logs in', async () => {
    await sshdOption('PasswordAuthentication yes');
    expect(await userOf(only)).toBe('ada');
  });

  test('comes after the key, and is not needed when that is accepted', async () => {
    expect(await userOf({ password: new Secret('wrong') })).toBe('ada');
  });

  test('that is wrong is said without showing it', async () => {
    const error = await dial({ ...only, password: new Secret('wrong password') }).then(
      () => undefined,
      (thrown: LabError) => thrown,
    );
    expect(error?.code).toBe('AUTH_FAILED');
    expect(formatError(error as LabError)).toMatch(/cannot log in as ada@.*tried .*password/s);
    expect(formatError(error as LabError)).not.toContain('wrong password');
  });

  test('answers a host that asks for it (keyboard-interactive)', async () => {
    await sshdOption('PasswordAuthentication no');
    await host.sh(
      "echo 'KbdInteractiveAuthentication yes' >>/etc/ssh/sshd_config.d/00-transport-test.conf && systemctl reload ssh",
    );
    await expect.poll(() => host.sh("sshd -T | grep -c '^kbdinteractiveauthentication yes'")).toBe('1\n');
    expect(await userOf(only)).toBe('ada');
  });
});

test('kill ends the process on the host, for a user that is not root', async () => {
  await using connection = await dial();
  const running = await connection.start(['sleep', '86399']);
  await expect.poll(() => host.sh('pgrep -cx -f "sleep 86399" || true')).toBe('1\n');
  running.kill();
  expect(await running.exit).toBeNull();
  await expect.poll(() => host.sh('pgrep -cx -f "sleep 86399" || true')).toBe('0\n');
});

test('ten logins at once all succeed', async () => {
  const connections = await Promise.all(Array.from({ length: 10 }, () => dial()));
  for (const connection of connections) {
    expect((await collect(await connection.start(['echo', 'in']))).stdout.toString()).toBe('in\n');
    await connection[Symbol.asyncDispose]();
  }
});

describe('docker', () => {
  const inside = (more: Partial<ConnectionSettings> = {}) =>
    dial({ transport: 'docker', address: host.container, user: undefined, identityFile: undefined, ...more });

  test('runs in the container, as the user that is asked for', async () => {
    await using connection = await inside();
    const words = ["it's", '$(reboot)', 'ä→🦀', 'line\nline', '', '-n'];
    const { stdout } = await collect(await connection.start(['printf', '<%s>', ...words]));
    expect(stdout.toString()).toBe(words.map((word) => `<${word}>`).join(''));
    await using asAda = await inside({ user: 'ada' });
    expect((await collect(await asAda.start(['id', '-un']))).stdout.toString()).toBe('ada\n');
  });

  test('passes exit codes and bytes on', async () => {
    await using connection = await inside();
    expect((await collect(await connection.start(['sh', '-c', 'exit 7']))).code).toBe(7);
    expect((await collect(await connection.start(['no-such-command']))).code).toBe(127);
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
    expect((await collect(await connection.start(['cat']), bytes)).stdout.equals(bytes)).toBe(true);
  });

  test('tells what is wrong with the container', async () => {
    await expect(inside({ address: 'no-such-container' })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'there is no container "no-such-container"',
    });
    await expect(inside({ address: '--privileged' })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});
