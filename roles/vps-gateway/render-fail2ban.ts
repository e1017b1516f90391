import type { Params } from './params.ts';
import { accessLog } from './render-caddy.ts';

export const filterFile = '/etc/fail2ban/filter.d/lab-gateway.conf';
export const jailFile = '/etc/fail2ban/jail.d/lab-gateway.local';

/**
 * Somebody said who they are, and were not believed. Caddy's log shows that there was an Authorization header, not what was in
 * it; who says nothing is only asked.
 */
export function renderFilter(): string {
  return [
    '# Managed by lab (role vps-gateway).',
    '[Definition]',
    'failregex = ^.*"remote_ip":"<HOST>".*"Authorization":\\[.*"status":401[,}].*$',
    'datepattern = "ts":{EPOCH}',
    '',
  ].join('\n');
}

/**
 * Whom fail2ban shuts out (jail.conf(5)): who fails at a password of the gateway, or at sshd. Its own table of nftables drops what
 * comes from there, before the firewall sees it. Those inside are never shut out.
 */
export function renderJail(
  { failures, minutes }: NonNullable<Params['ban']>,
  inside: readonly string[],
  sshPort: number,
): string {
  const common = [
    `maxretry = ${failures}`,
    'findtime = 10m',
    `bantime = ${minutes}m`,
    'banaction = nftables-multiport',
  ];
  const ignored = `ignoreip = 127.0.0.0/8 ::1 ${inside.join(' ')}`;
  return [
    '# Managed by lab (role vps-gateway).',
    '[sshd]',
    'enabled = true',
    'backend = systemd',
    `port = ${sshPort}`,
    ...common,
    ignored,
    '',
    '[lab-gateway]',
    'enabled = true',
    'backend = polling',
    'filter = lab-gateway',
    `logpath = ${accessLog}`,
    'port = http,https',
    ...common,
    ignored,
    '',
  ].join('\n');
}
