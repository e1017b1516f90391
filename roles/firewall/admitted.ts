import { LabError, z } from '../../src/index.ts';
import { AddressSet } from './address-set.ts';
import type { HostRules, Rule } from './host-rules.ts';

/** Who may begin a TCP connection to which port, as the login that is in use is held against it. */
export const admitted = z.array(
  z.strictObject({
    addresses: z.array(z.string()),
    /** Under which addresses of this host. */
    at: z.array(z.string()),
    ports: z.array(z.strictObject({ first: z.int(), last: z.int() })),
    /** By which interfaces it has to come; null is any. */
    through: z.array(z.string()).nullable(),
  }),
);

export type Admitted = z.output<typeof admitted>;

/** What the rules of a host admit. Pure. */
export function admittedBy(rules: HostRules): Admitted {
  const { throughTunnel, tunnelInterfaces } = rules;
  const believed = [
    { addresses: throughTunnel, interfaces: tunnelInterfaces },
    // What comes out of the tunnel was proven there.
    ...rules.bound.map(({ addresses, interfaces }) => ({
      addresses: addresses.without(throughTunnel),
      interfaces: [...interfaces, ...tunnelInterfaces],
    })),
  ];
  return rules.input
    .filter(({ protocol }) => protocol !== 'udp')
    .flatMap((rule) => {
      const entry = (addresses: AddressSet, through: readonly string[] | null) => ({
        addresses: formatted(addresses),
        at: formatted(rule.at ?? AddressSet.everything),
        ports: [...rule.ports],
        through: through === null ? null : [...through],
      });
      const sources = sourcesOf(rule, rules);
      const anywhere = believed.reduce((left, { addresses }) => left.without(addresses), sources);
      return [
        entry(anywhere, null),
        ...believed.map(({ addresses, interfaces }) => entry(sources.within(addresses), interfaces)),
      ].filter(({ addresses }) => addresses.length > 0);
    });
}

/**
 * An established connection outlives every rule: that it still works says nothing about the next one.
 *
 * @param login address and port of the client, those of the host, and the interface between them, as the script of the host tells
 * @throws LabError PLAN_IMPOSSIBLE when the rules would not let in the login that is in use
 */
export function refuseLockOut(admitted: Admitted, login: readonly string[] | null): void {
  const [client, , own, port, device = ''] = login ?? [];
  if (client === undefined || own === undefined || port === undefined) return;
  const number = Number(port);
  const matching = admitted.filter(
    ({ addresses, at, ports }) =>
      (ports.length === 0 || ports.some(({ first, last }) => first <= number && number <= last)) &&
      AddressSet.of(at).has(own) &&
      AddressSet.of(addresses).has(client),
  );
  if (device === '' && matching.length > 0) return;
  if (matching.some(({ through }) => through === null || through.some((name) => isNamed(device, name)))) return;
  const message = 'these rules would not let in the connection that lab itself is using';
  const interfaces = [...new Set(matching.flatMap(({ through }) => through ?? []))];
  if (matching.length > 0)
    throw new LabError('PLAN_IMPOSSIBLE', message, {
      expected: `a connection from ${client} that comes in by ${interfaces.join(', ') || 'a tunnel'}: by any other way such a source is forged`,
      found: `it comes in by ${device}`,
      hint: 'log in that way, or give this host an address of that network in the inventory (params.firewall.interfaces binds networks to interfaces)',
    });
  throw new LabError('PLAN_IMPOSSIBLE', message, {
    expected: `a flow that lets ${client} reach port ${port} of this host at ${own}`,
    found: 'none',
    hint: `add one to the inventory, such as { from: '…', to: 'all', ports: ${port}, reason: 'administration' }; a client without a name can be a device with the address ${client}`,
  });
}

function sourcesOf({ who, addresses }: Rule, { inside }: HostRules): AddressSet {
  if (who === 'anyone') return AddressSet.everything;
  return who === 'internet' ? AddressSet.everything.without(inside) : addresses;
}

/** A star at the end of a name stands for the rest, as for nft(8). */
function isNamed(device: string, name: string): boolean {
  return name.endsWith('*') ? device.startsWith(name.slice(0, -1)) : device === name;
}

/** As `AddressSet.of` reads them. */
export function formatted(addresses: AddressSet): string[] {
  return [...addresses.format('ipv4'), ...addresses.format('ipv6')];
}
