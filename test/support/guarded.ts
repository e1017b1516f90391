import { expect, vi } from 'vitest';
import { Session } from '../../src/remote/session.ts';
import type { ConnectionSettings, HostKey } from '../../src/transport/contract.ts';
import { connect } from '../../src/transport/index.ts';
import type { StartedHost } from './host.ts';
import type { Outcome } from './run-on.ts';

/** All that a lock-out could hide in, as one text. What an earlier command leaves behind for safety (`/etc/passwd-`) is no state. */
const everything = `
nft list ruleset 2>/dev/null
if [ -x /usr/sbin/sshd ]; then /usr/sbin/sshd -T 2>&1; fi
cat /etc/passwd /etc/group /etc/shadow
ip address show | grep -v valid_lft | sed 's/^[0-9]*: //'
ip rule
ip route show table all
for interface in $(wg show interfaces 2>/dev/null); do
  wg show "$interface" public-key; wg show "$interface" listen-port; wg show "$interface" allowed-ips
done
if [ -d /run/systemd/system ]; then
  for unit in ssh nftables wg-quick@wg0; do systemctl is-active "$unit"; systemctl is-enabled "$unit" 2>&1; done
fi
find /etc /root /home ! -name '*-' ! -path '*/systemd/system*' -exec stat -c '%n %F %a %u:%g' {} + | sort
find /etc /root /home -type f ! -name '*-' -exec sha256sum {} + | sort -k 2
find /etc/systemd/system | sort
`;

/** A container that starts again may get another address. */
export async function stateOf(host: StartedHost): Promise<string> {
  const state = await host.sh(everything);
  return state.replaceAll(host.address, 'ADDRESS').replaceAll(/(link\/ether |eth0@if)\S+/g, '$1…');
}

export interface Login {
  readonly connection?: Partial<ConnectionSettings> | undefined;
  readonly hostKeys?: readonly HostKey[] | undefined;
}

/** Logs in anew, past whatever connection the run has, and becomes root: throws when that fails. A busy host takes its time. */
export async function logInAnew(host: StartedHost, login: Login = {}): Promise<void> {
  const settings = { ...host.connection, ...login.connection, connectTimeoutSeconds: 30 };
  const pinned = login.hostKeys ?? host.hostKeys;
  const connection = await connect('target', settings, {
    hostKeys: { pinned: () => pinned, firstContact: async () => false },
  });
  await using session = await Session.open(connection, settings);
  const frames = await session.request('lab_run id 5 id -u');
  expect(frames.get('id')?.body.toString()).toBe('0\n');
}

/** What became of the last run, by the host's own journal. */
export async function lastRunState(host: StartedHost): Promise<string> {
  const state = await host.sh('cat "/var/lib/lab/runs/$(cat /var/lib/lab/last-run)/state" 2>/dev/null || echo none');
  return state.trim().split(' ')[0] ?? '';
}

/** Nothing of a run is left that could act later: no lock, pending restart, hook for the next boot, or process. */
export async function expectAtRest(host: StartedHost): Promise<void> {
  // A guardian looks once a second whether it is still needed.
  await vi.waitFor(async () => expect(await whatIsLeft(host)).toBe(''), { timeout: 30_000 });
}

/** The same as text, a line each. */
export function whatIsLeft(host: StartedHost): Promise<string> {
  return host.sh(`
    cd /var/lib/lab && ls -d lock pending/* 2>/dev/null
    for guardian in runs/*/guardian; do
      # One that went down with the host wrote its name before the last boot.
      if [ -e "$guardian" ] && ! [ "$guardian" -ot /run/systemd/system ]; then echo "$guardian"; fi
    done
    find /etc -name '*lab-recover*' -o -name '.lab-*'
    for process in /proc/[0-9]*; do
      if grep -a -q 'lab/runs/.*[p]rogram' "$process/cmdline" 2>/dev/null; then tr '\\0' ' ' <"$process/cmdline"; fi
    done`);
}

/** The run was taken back by the host, who is as it was, and lets in who logs in anew. */
export async function expectTakenBack(
  host: StartedHost,
  before: string,
  outcome: Pick<Outcome, 'finished' | 'result'>,
  login: Login = {},
): Promise<void> {
  await logInAnew(host, login);
  expect(outcome.finished).toMatchObject({ status: 'reverted', failure: { code: 'GUARD_REVERTED' } });
  expect(outcome.result.exitCode).toBe(5);
  expect(await lastRunState(host)).toBe('guard-reverted');
  await expectAtRest(host);
  expect(await stateOf(host)).toBe(before);
}
