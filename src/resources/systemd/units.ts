import { z } from 'zod';
import type { SystemFact } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';
import type { Step } from '../contract.ts';

const suffixes = 'service|socket|device|mount|automount|swap|target|path|timer|slice|scope';

/** systemd.unit(5): letters, digits and `:-_.\`, with `@` for templates and their instances, and a type. */
export const unitName = z.string().regex(new RegExp(`^[A-Za-z0-9:_.\\\\@-]{1,240}\\.(${suffixes})$`), {
  error: 'a unit is named with its type, such as "nginx.service" or "backup.timer"',
});

/** The same, `.service` when no type is given. */
export const unitNameOrService = z
  .string()
  .regex(/^[A-Za-z0-9:_.\\@-]{1,250}$/, { error: 'a unit name holds letters, digits and ":", "-", "_", ".", "@"' })
  .transform((name) => (new RegExp(`\\.(${suffixes})$`).test(name) ? name : `${name}.service`));

const carriers = [
  ...['sshd?', 'sshd?@.*', 'dropbear', 'dropbear@.*'],
  ...[
    'networking',
    'network',
    'ifup@.*',
    'systemd-networkd',
    'NetworkManager',
    'dhcpcd',
    'dhcpcd@.*',
    'connman',
    'iwd',
  ],
  ...['wpa_supplicant.*', 'systemd-sysctl'],
  ...[
    'nftables',
    'ip6?tables',
    'netfilter-persistent',
    'firewalld',
    'ufw',
    'shorewall6?',
    'ferm',
    'fail2ban',
    'sshguard',
  ],
  ...['wg-quick@.*', 'openvpn.*', 'strongswan.*', 'tailscaled', 'zerotier-one', 'nebula'],
];
const connectivity = new RegExp(`^(${carriers.join('|')})\\.(service|socket|target)$`);

/** Units without which nobody gets to the host, or everybody does. */
export function carriesConnectivity(unit: string): boolean {
  return connectivity.test(unit);
}

/** Units without which a login, or a way to root, fails on the host. */
export function grantsLogin(unit: string): boolean {
  return /^((sssd|nscd|nslcd|systemd-logind|systemd-user-sessions|winbind)\.service|(-|home|home-.*|root)\.mount)$/.test(
    unit,
  );
}

/** @throws LabError PLAN_IMPOSSIBLE on a host that does not run systemd */
export function requireSystemd(system: SystemFact, what: string): void {
  if (system.init === 'systemd') return;
  throw new LabError('PLAN_IMPOSSIBLE', `${what} needs systemd`, { expected: 'systemd', found: system.init });
}

export const daemonReload: Step = { do: 'run', argv: ['systemctl', 'daemon-reload'] };

/**
 * A systemctl command on one unit. When it fails, what the unit logged last is printed: that is what an administrator
 * would look at next.
 */
export function systemctl(verb: string, unit: string): Step {
  return { do: 'run', argv: ['sh', '-c', withStatus, 'lab', verb, unit], timeoutSeconds: 300 };
}

const withStatus = [
  'if [ "$(systemctl show -p NeedDaemonReload --value -- "$2")" = yes ]; then systemctl daemon-reload; fi',
  'systemctl "$1" -- "$2" && exit 0',
  'code=$?',
  'systemctl status --no-pager --full --lines=20 -- "$2"',
  'exit "$code"',
].join('\n');

/** The same for undoing: fine when the unit is gone by then, and also for one that failed too often to be started again. */
export function undoSystemctl(verb: string, unit: string): Step {
  return { do: 'run', argv: ['sh', '-c', unlessGone, 'lab', verb, unit], timeoutSeconds: 300 };
}

const unlessGone =
  'systemctl daemon-reload; systemctl reset-failed -- "$2" 2>/dev/null; systemctl "$1" -- "$2" || [ "$(systemctl show -p LoadState --value -- "$2")" = not-found ]';
