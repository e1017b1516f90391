import { LabError } from '../shared/errors.ts';
import { suggestion } from '../shared/suggest.ts';
import type { Host, Inventory } from './types.ts';

/**
 * The hosts that a pattern names, in the order of the inventory. `,` or `:` joins (`home,vps`), `&` keeps those that are
 * also in (`home:&storage`), `!` leaves out (`home:!nas`); names are hosts, groups, networks (the hosts with an address there) or `all`, with `*`, `?` and `[a-c]`.
 * As in Ansible, everything joined comes first, then what is kept, then what is left out, whatever the order. With nothing
 * joined, `&` and `!` start from all hosts.
 *
 * @throws LabError HOST_PATTERN for a name, or a glob, that matches nothing
 * @example
 * selectHosts(inventory, 'home:!nas').map((host) => host.name); // ['node1', 'node2']
 */
export function selectHosts(inventory: Inventory, pattern: string | readonly string[]): Host[] {
  const terms = [pattern].flat().flatMap(splitTerms);
  const errors: LabError[] = [];
  const matched = terms.map(({ sign, name }) => {
    const hosts = hostsOf(inventory, name);
    if (hosts === undefined) errors.push(unknown(inventory, name));
    return { sign, hosts: hosts ?? new Set<string>() };
  });
  const [first, ...others] = errors;
  if (first !== undefined) throw others.length === 0 ? first : first.with({ others });
  const of = (sign: Term['sign']): ReadonlySet<string>[] =>
    matched.filter((term) => term.sign === sign).map((term) => term.hosts);
  const joined = of('');
  return [...inventory.hosts.values()].filter(
    ({ name }) =>
      (joined.length === 0 ? terms.length > 0 : joined.some((hosts) => hosts.has(name))) &&
      of('&').every((hosts) => hosts.has(name)) &&
      !of('!').some((hosts) => hosts.has(name)),
  );
}

interface Term {
  readonly sign: '' | '&' | '!';
  readonly name: string;
}

function splitTerms(pattern: string): Term[] {
  const parts = pattern.split(/[,:]/).map((part) => part.trim());
  return parts
    .filter((part) => part !== '')
    .map((part): Term => {
      const sign = part.startsWith('&') ? '&' : part.startsWith('!') ? '!' : '';
      return { sign, name: part.slice(sign.length).trim() };
    });
}

function hostsOf(inventory: Inventory, name: string): Set<string> | undefined {
  if (name === 'all') return new Set(inventory.hosts.keys());
  if (inventory.hosts.has(name)) return new Set([name]);
  const group = inventory.groups.get(name);
  if (group !== undefined) return new Set(group.hosts);
  if (inventory.networks.has(name)) return onNetworks(inventory, [name]);
  if (!/[*?[]/.test(name)) return undefined;
  const glob = globExpression(name);
  if (glob === undefined) return undefined;
  const hosts = [...inventory.hosts.keys()].filter((host) => glob.test(host));
  const groups = [...inventory.groups.values()].filter((candidate) => glob.test(candidate.name));
  const networks = [...inventory.networks.keys()].filter((network) => glob.test(network));
  if (hosts.length + groups.length + networks.length === 0) return undefined;
  return new Set([...hosts, ...groups.flatMap((candidate) => candidate.hosts), ...onNetworks(inventory, networks)]);
}

function onNetworks(inventory: Inventory, networks: readonly string[]): Set<string> {
  const hosts = [...inventory.hosts.values()].filter(({ addresses }) => networks.some((name) => addresses.has(name)));
  return new Set(hosts.map((host) => host.name));
}

function globExpression(glob: string): RegExp | undefined {
  const source = glob.replace(/\[[^\]]*\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replace(/[\\^$.|+()[\]{}]/, '\\$&');
  });
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return undefined; // a range such as [z-a]
  }
}

function unknown(inventory: Inventory, name: string): LabError {
  const isGlob = /[*?[]/.test(name);
  const message = isGlob ? `no host or group matches "${name}"` : `no host or group is called "${name}"`;
  const known = [...inventory.hosts.keys(), ...inventory.groups.keys(), ...inventory.networks.keys()];
  const device = inventory.devices.has(name) ? `"${name}" is a device: lab does not log in to devices` : undefined;
  const hint = device ?? (isGlob ? `declared: ${known.join(', ')}` : suggestion(name, known));
  return new LabError('HOST_PATTERN', message, {
    expected: 'a host, a group, a network, all, or a pattern of them',
    found: name,
    hint,
  });
}
