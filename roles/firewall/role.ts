import {
  defineRole,
  directory,
  type Facts,
  file,
  LabError,
  packages,
  type ResourceTree,
  type RoleContext,
} from '../../src/index.ts';
import { readRoleFile } from '../../src/shared/own-package.ts';
import { AddressSet, families } from './address-set.ts';
import { admittedBy, formatted } from './admitted.ts';
import { loadedAtBoot, withoutLoader } from './boot-unit.ts';
import { type HostRules, rulesFor } from './host-rules.ts';
import { tunnelInternet } from './internet/resource.ts';
import { renderWayOut } from './internet/way-out.ts';
import { type Params, params } from './params.ts';
import { policyOf } from './policy.ts';
import { carriesComment, renderNftables } from './render-nftables.ts';
import { firewallRules, hostScript, rulesFile, stateOf } from './resources.ts';
import { ufwRules } from './ufw/resource.ts';
import { type UfwRule, ufwRulesOf } from './ufw/rules.ts';

const loader = { name: 'lab-firewall', description: 'Firewall rules of lab', script: hostScript };

/**
 * Lets through what the flows of the inventory name, and nothing else: to the host, and through it. Packets that answer come
 * with what they answer.
 *
 * @example
 * definePlaybook({ inventory, plays: [{ name: 'firewall', hosts: 'all', roles: [firewall] }] });
 */
export default defineRole({
  name: 'firewall',
  description: 'Lets through what the flows of the inventory name, and nothing else',
  params,
  resources: (context) => {
    if (context.params.state === 'absent') return [ufwRules({ rules: null, admitted: [] }), ownLine(), withoutTable()];
    return context.params.backend === 'ufw' ? withUfw(context) : withTable(context);
  },
  exports: carriedNow,
});

async function withTable(context: RoleContext<Params>): Promise<ResourceTree> {
  const { host, inventory, params, system } = context;
  const { init, osName } = await system();
  if (init !== 'systemd')
    throw new LabError('PLAN_IMPOSSIBLE', 'the role firewall needs systemd to load its rules at boot', {
      expected: 'a host with systemd',
      found: `${osName} with ${init}`,
    });
  const rules = rulesFor(host, policyOf(inventory), inventory, params);
  const program = file({ path: hostScript, content: readRoleFile('firewall/host.sh'), mode: '0755' });
  return [
    packages({ names: ['nftables'], recommends: false }),
    program,
    // Of a time when ufw held the rules.
    ufwRules({ rules: null, admitted: [] }),
    directory({ path: '/etc/lab', mode: '0700' }),
    firewallRules({
      content: renderNftables(rules, params, host.connection.port ?? 22),
      admitted: admittedBy(rules),
    }),
    loadedAtBoot(loader),
    wayToInternet(context, rules),
  ];
}

/** The switch to the tunnel comes when the gateway carries what this host sends. */
function wayToInternet({ host, withExports }: RoleContext<Params>, { wayOut }: HostRules): ResourceTree {
  if (wayOut === undefined) return ownLine();
  const { gateway } = wayOut;
  const isCarried = ({ carries }: Readonly<Record<string, string>>) => carries?.split(' ').includes(host.name) === true;
  return withExports(
    [gateway],
    (known) => {
      const told = known.get(gateway);
      if (told !== undefined && isCarried(told))
        return tunnelInternet({ content: renderWayOut(wayOut), inside: formatted(wayOut.inside) });
      throw new LabError('FIREWALL_POLICY', `${gateway} does not carry what ${host.name} sends to the internet`, {
        host: host.name,
        expected: `the role firewall on ${gateway}, applied with this inventory`,
        found: told === undefined ? 'nothing known of its rules' : `rules that carry ${told.carries || 'nobody'}`,
        hint: `run this for ${gateway} as well`,
      });
    },
    isCarried,
  );
}

function ownLine(): ResourceTree {
  return tunnelInternet({ content: null, inside: [] });
}

/** What the loaded rules of a gateway do for others; null for everybody else. */
async function carriedNow({ facts }: { readonly facts: Facts }): Promise<Readonly<Record<string, string>> | null> {
  const [content, all] = await Promise.all([facts.content(rulesFile), stateOf(facts)]);
  const text = content === null ? '' : Buffer.from(content).toString();
  const line = text.split('\n').find((one) => one.startsWith(carriesComment));
  return line === undefined || all('loaded').length === 0 ? null : { carries: line.slice(carriesComment.length) };
}

/** The script loads what the files of ufw say; the table goes when ufw holds the rules. */
function withUfw({ host, inventory, params }: RoleContext<Params>): ResourceTree {
  refuseForUfw(host.name, params);
  const rules = rulesFor(host, policyOf(inventory), inventory, params);
  const devices = AddressSet.of(
    [...inventory.devices.values()].flatMap(({ addresses }) => [...addresses.values()].flat()),
  );
  const [ipv4, ipv6] = families.map((family) => ufwRulesOf(rules, family, devices)) as [UfwRule[], UfwRule[]];
  return [
    file({ path: hostScript, content: readRoleFile('firewall/host.sh'), mode: '0755' }),
    ufwRules({ rules: { ipv4, ipv6 }, admitted: admittedBy(rules) }),
    ownLine(),
    withoutService(),
  ];
}

/** @throws LabError FIREWALL_POLICY */
function refuseForUfw(host: string, { egress, interfaces, internet }: Params): void {
  const [asked] = [
    ...(egress === 'declared' ? ["egress: 'declared'"] : []),
    ...(internet === 'tunnel' ? ["internet: 'tunnel'"] : []),
    ...(Object.keys(interfaces).length > 0 ? ['interfaces'] : []),
  ];
  if (asked === undefined) return;
  throw new LabError('FIREWALL_POLICY', `with ufw, ${host} cannot have ${asked}`, {
    host,
    expected: 'what rules of ufw can say: who may reach which port of this host, or through it',
    found: asked,
    hint: "take params.firewall.backend: 'nftables' for this host",
  });
}

function withoutTable(): ResourceTree {
  return [withoutService(), file({ path: hostScript, state: 'absent' })];
}

function withoutService(): ResourceTree {
  return withoutLoader(loader, firewallRules({ content: null, admitted: [] }));
}
