import { LabError, type PortRange } from '../../../src/index.ts';
import type { AddressSet, Family } from '../address-set.ts';
import type { ForwardRule, HostRules, Rule } from '../host-rules.ts';
import { oneLine } from '../one-line.ts';

/** A rule of ufw(8). */
export interface UfwRule {
  readonly route: boolean;
  readonly action: 'allow' | 'deny';
  readonly protocol: 'tcp' | 'udp' | 'any';
  /** `22`, `80,443,8000:8010`; `any`. */
  readonly ports: string;
  /** A prefix; null is everywhere. */
  readonly source: string | null;
  readonly destination: string | null;
  /** Where it comes in; null is everywhere. */
  readonly through: string | null;
  readonly comment: string;
}

/** Begins the comment of every rule that is ours. */
export const ownComment = '[lab] ';

/** A list of more is refused (ufw(8)); a range counts as two. */
const portsInList = 15;

/**
 * The rules of a host as ufw(8) can say them, in order: what certain addresses may, what anybody may, and what the internet may, which
 * has to say first who is not the internet. Pure.
 *
 * @param devices addresses of devices: they have no way to the internet but through the tunnel
 * @throws LabError FIREWALL_POLICY for a flow that ufw cannot say
 */
export function ufwRulesOf(rules: HostRules, family: Family, devices: AddressSet): UfwRule[] {
  refuseUnsaid(rules, devices);
  const outside = rules.input.filter(({ who }) => who === 'internet');
  const others = rules.input.filter(({ who }) => who !== 'internet');
  return [
    ...others.flatMap((rule) =>
      sourcesOf(rule, rules, family).flatMap(({ source, through }) =>
        inputRules(rule, family, { action: 'allow', source, through }),
      ),
    ),
    ...outside.flatMap((rule) => [
      ...rules.inside
        .prefixes(family)
        .flatMap((source) =>
          inputRules({ ...rule, comment: `not the internet` }, family, { action: 'deny', source, through: null }),
        ),
    ]),
    ...outside.flatMap((rule) => inputRules(rule, family, { action: 'allow', source: null, through: null })),
    ...rules.forward.flatMap((rule) => forwardRules(rule, rules, family)),
  ];
}

/** What the host passes on under another address is nothing that rules of ufw could say. */
function refuseUnsaid({ host, passedOn, outward }: HostRules, devices: AddressSet): void {
  const [first] = [...passedOn, ...outward.filter(({ addresses }) => addresses.overlaps(devices))];
  if (first === undefined) return;
  throw new LabError('FIREWALL_POLICY', `ufw cannot say what ${host} has to do for a flow`, {
    host,
    expected: 'a flow whose packets keep their addresses on their way through this host',
    found: first.comment,
    hint: "take params.firewall.backend: 'nftables' for this host",
  });
}

/** Members of the tunnel are believed where the tunnel ends, and nowhere else. */
function sourcesOf({ who, addresses }: Rule, { throughTunnel, tunnelInterfaces }: HostRules, family: Family) {
  if (who !== 'addresses') return [{ source: null, through: null }];
  return [
    ...addresses
      .without(throughTunnel)
      .prefixes(family)
      .map((source) => ({ source, through: null })),
    ...tunnelInterfaces.flatMap((through) =>
      addresses
        .within(throughTunnel)
        .prefixes(family)
        .map((source) => ({ source, through })),
    ),
  ];
}

function inputRules(
  { protocol, ports, at, comment }: Rule,
  family: Family,
  more: Pick<UfwRule, 'action' | 'source' | 'through'>,
): UfwRule[] {
  const destinations = at === null ? [null] : at.prefixes(family);
  return destinations.flatMap((destination) =>
    portLists(ports).map(
      (list): UfwRule => ({
        ...more,
        route: false,
        protocol,
        ports: list,
        destination,
        comment: `${ownComment}${oneLine(comment, 200)}`,
      }),
    ),
  );
}

function forwardRules(rule: ForwardRule, { tunnelInterfaces }: HostRules, family: Family): UfwRule[] {
  return tunnelInterfaces.flatMap((through) =>
    rule.addresses.prefixes(family).flatMap((source) =>
      rule.to.prefixes(family).flatMap((destination) =>
        portLists(rule.ports).map(
          (list): UfwRule => ({
            route: true,
            action: 'allow',
            protocol: rule.protocol,
            ports: list,
            source,
            destination,
            through,
            comment: `${ownComment}${oneLine(rule.comment, 200)}`,
          }),
        ),
      ),
    ),
  );
}

function portLists(ports: readonly PortRange[]): string[] {
  if (ports.length === 0) return ['any'];
  const lists: string[][] = [];
  let left = 0;
  for (const { first, last } of ports) {
    const size = first === last ? 1 : 2;
    if (left < size) {
      lists.push([]);
      left = portsInList;
    }
    lists.at(-1)?.push(first === last ? `${first}` : `${first}:${last}`);
    left -= size;
  }
  return lists.map((list) => list.join(','));
}
