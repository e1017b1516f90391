import { defineResource, type Facts, file, packages, type ResourceTree, unit, z } from '../../src/index.ts';
import type { Params } from './params.ts';
import { accessLog } from './render-caddy.ts';
import { filterFile, jailFile, renderFilter, renderJail } from './render-fail2ban.ts';

/** After Caddy, which makes the log that it reads. */
export function banning(ban: NonNullable<Params['ban']>, inside: readonly string[], sshPort: number): ResourceTree {
  const filter = file({ path: filterFile, content: renderFilter() });
  const jail = file({ path: jailFile, content: renderJail(ban, inside, sshPort) });
  return [
    // Caddy makes it with the first request, and fail2ban does not start without.
    file({ path: accessLog, content: '', onlyIfAbsent: true, mode: '0640', owner: 'caddy', group: 'caddy' }),
    packages({ names: ['fail2ban', 'python3-systemd', 'nftables'], recommends: false }),
    filter,
    jail,
    unit({ name: 'fail2ban', state: 'running', enabled: true }, { restartOn: [filter, jail] }),
  ];
}

/** fail2ban stops, unless the role base bans on this host: then it forgets the jail of the gateway and goes on. */
export function withoutBans(): ResourceTree {
  const gone = [filterFile, jailFile].map((path) => file({ path, state: 'absent' }));
  return [gone, withoutGatewayJail({ name: 'fail2ban' }, { restartOn: gone })];
}

/** Of the role base, for sshd alone. */
const otherJail = '/etc/fail2ban/jail.d/lab-base.local';

const unused = (name: string) => unit({ name, state: 'stopped', enabled: false }).props;

const withoutGatewayJail = defineResource({
  type: 'unit-without-gateway',
  props: z.strictObject({ name: z.string() }),
  id: ({ name }) => name,
  async read(host: Facts, { name }) {
    const [other, current] = await Promise.all([host.file(otherJail), unit.resourceType.read(host, unused(name))]);
    return { isUsed: other.kind === 'file', current };
  },
  diff: ({ name }, { isUsed, current }) => (isUsed ? [] : unit.resourceType.diff(unused(name), current)),
  triggered: (action, { name }, { isUsed, current }, changes) =>
    isUsed ? (unit.resourceType.triggered?.(action, unit({ name }).props, current, changes) ?? []) : [],
});
