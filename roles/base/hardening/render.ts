import type { Hardening } from './params.ts';

const heading = '# Managed by lab (role base).';

/** modprobe.d(5): neither by its alias nor by its name, whoever asks. */
export function renderModules(names: readonly string[]): string {
  return [heading, ...names.flatMap((name) => [`blacklist ${name}`, `install ${name} /bin/true`]), ''].join('\n');
}

/** limits.conf(5); a `*` is not root. */
export const limits = `${heading}\n* hard core 0\nroot hard core 0\n`;

/** coredump.conf(5): the kernel gives it what crashes whatever the limits say. */
export const coredump = `${heading}\n[Coredump]\nStorage=none\nProcessSizeMax=0\n`;

/**
 * For login shells, those that nobody logged in to included (`lxc-attach`). TMOUT is not exported: a script that reads from the
 * terminal would end as well.
 */
export function renderProfile({ coreDumps, idleTimeout }: Pick<Hardening, 'coreDumps' | 'idleTimeout'>): string {
  return [
    heading,
    ...(coreDumps ? [] : ['ulimit -c 0']),
    ...(idleTimeout === null ? [] : [`TMOUT=${idleTimeout}`]),
    '',
  ].join('\n');
}

/** pwquality.conf(5) */
export function renderPasswords(length: number): string {
  return `${heading}\nminlen = ${length}\n`;
}

/** jail.conf(5). Its own table of nftables drops what comes from those who are shut out, before the firewall sees it. */
export function renderJail(
  { failures, minutes }: NonNullable<Hardening['bans']>,
  ignored: readonly string[],
  port: number,
): string {
  return [
    heading,
    '[sshd]',
    'enabled = true',
    'backend = systemd',
    `port = ${port}`,
    `maxretry = ${failures}`,
    'findtime = 10m',
    `bantime = ${minutes}m`,
    'banaction = nftables-multiport',
    `ignoreip = 127.0.0.0/8 ::1 ${ignored.join(' ')}`,
    '',
  ].join('\n');
}
