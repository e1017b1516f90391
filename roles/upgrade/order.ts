import type { Host, Inventory } from '../../src/index.ts';

/**
 * The order in which hosts go down, so that nobody is behind one that is away: first those that nobody needs, then gateways,
 * then jump hosts, the outermost last; the machine that `lab` runs on at the very end. Pure.
 */
export function upgradeOrder(inventory: Inventory, names: Iterable<string>, controller: string | undefined): string[] {
  const depth = jumpDepths(inventory);
  const rank = (name: string): readonly number[] => [
    name === controller ? 1 : 0,
    depth.get(name) ?? 0,
    isGateway(inventory, name) ? 1 : 0,
  ];
  const place = [...inventory.hosts.keys()];
  return [...names].sort((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    const at = first.findIndex((value, index) => value !== second[index]);
    return at < 0 ? place.indexOf(a) - place.indexOf(b) : (first[at] ?? 0) - (second[at] ?? 0);
  });
}

/** How many jump hosts are behind each one, at most; nobody is behind those that are missing. */
function jumpDepths(inventory: Inventory): ReadonlyMap<string, number> {
  const depth = new Map<string, number>();
  for (const host of inventory.hosts.values()) {
    // The last one is dialled from the one before it; a circle is refused elsewhere.
    const jumps = jumpsOf(inventory, host, 0);
    for (const [index, jump] of jumps.reverse().entries()) depth.set(jump, Math.max(depth.get(jump) ?? 0, index + 1));
  }
  return depth;
}

const maxJumps = 10;

/** The hosts of the inventory on the way to a host, outermost first. */
function jumpsOf(inventory: Inventory, { connection }: Host, level: number): string[] {
  if (level > maxJumps) return [];
  return (connection.proxyJump ?? []).flatMap((text) => {
    const jump = named(inventory, text);
    return jump === undefined ? [] : [...jumpsOf(inventory, jump, level + 1), jump.name];
  });
}

/** `[user@]host[:port]`: a host by its name, or by where it is connected to. */
function named(inventory: Inventory, jump: string): Host | undefined {
  const text = jump.replace(/^.*@/, '');
  const address = text.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^([^:]*):\d+$/, '$1');
  return (
    inventory.hosts.get(address) ??
    [...inventory.hosts.values()].find(({ connection }) => connection.address === address)
  );
}

function isGateway({ hosts, networks, services }: Inventory, name: string): boolean {
  const isPublic = [...(hosts.get(name)?.addresses.keys() ?? [])].some(
    (network) => networks.get(network)?.public === true,
  );
  return isPublic || [...services.values()].some(({ gateways }) => gateways.includes(name));
}
