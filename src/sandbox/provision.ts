import { setTimeout } from 'node:timers/promises';
import { LabError } from '../shared/errors.ts';
import { quote } from '../shared/quote.ts';
import type { HostKey } from '../transport/contract.ts';
import { docker } from './docker.ts';
import { parsePublicKeys } from './host-key-lines.ts';
import type { SandboxContainer } from './topology.ts';

/**
 * Lets the keys log in, waits until the host has booted and sshd listens, and reads its host keys: through the engine,
 * which is the way past SSH that makes those keys known and not merely seen.
 *
 * @throws LabError SANDBOX_FAILED when sshd does not start within 30 seconds
 */
export async function provisionHost(machine: SandboxContainer, publicKeys: readonly string[]): Promise<HostKey[]> {
  await untilRunning(machine.container);
  const output = await docker(['exec', '--interactive', machine.container, 'sh', '-s'], {
    purpose: `prepare ${machine.container}`,
    input: provisioningScript(machine.user, publicKeys),
  });
  return parsePublicKeys(output);
}

/** A host in the middle of a reboot takes no commands. */
async function untilRunning(container: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  const inspect = () =>
    docker(['inspect', '--format={{.State.Status}}', container], { purpose: `look at ${container}` });
  for (let state = (await inspect()).trim(); state !== 'running'; state = (await inspect()).trim()) {
    if (Date.now() > deadline) {
      throw new LabError('SANDBOX_FAILED', `${container} does not come up`, {
        expected: 'a running container within 30 seconds',
        found: state,
        hint: `docker logs ${container}`,
      });
    }
    await setTimeout(200);
  }
}

function provisioningScript(user: string, publicKeys: readonly string[]): string {
  return [
    'set -eu',
    // Keys that are in already stay where they are, and so do those that somebody added.
    'authorize() {',
    '  mkdir -p "$1/.ssh"; chmod 700 "$1/.ssh"; touch "$1/.ssh/authorized_keys"; chmod 600 "$1/.ssh/authorized_keys"',
    '  grep -qxF -e "$2" "$1/.ssh/authorized_keys" || printf "%s\\n" "$2" >>"$1/.ssh/authorized_keys"',
    '}',
    ...publicKeys.map((key) => `authorize /root ${quote(key)}`),
    ...(user === 'root' ? [] : userLines(user, publicKeys)),
    'tries=0',
    // The unit is active when sshd listens (Type=notify), on whatever port a role gave it.
    'until systemctl is-active --quiet ssh.service ssh.socket 2>/dev/null; do',
    '  tries=$((tries + 1))',
    '  [ "$tries" -lt 300 ] || { echo "sshd did not start" >&2; journalctl --no-pager -n 20 -u ssh >&2; exit 1; }',
    '  sleep 0.1',
    'done',
    'systemctl is-system-running --wait >/dev/null || :',
    'cat /etc/ssh/ssh_host_*_key.pub',
  ].join('\n');
}

/** The first user of a cloud image: the same key, and sudo without a password. */
function userLines(user: string, publicKeys: readonly string[]): string[] {
  const name = quote(user);
  return [
    `id ${name} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash ${name}`,
    `home=$(getent passwd ${name} | cut -d : -f 6)`,
    ...publicKeys.map((key) => `authorize "$home" ${quote(key)}`),
    `chown -R ${name}: "$home/.ssh"`,
    `[ -e /etc/sudoers.d/sandbox ] || { echo ${name} 'ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/sandbox; chmod 440 /etc/sudoers.d/sandbox; }`,
  ];
}
