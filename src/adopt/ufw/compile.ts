import { tunnelInterfacesOf, tunnelParamsOf } from '../../../roles/firewall/tunnel-permits.ts';
import type { FlowInput, NetworkInput } from '../../model/input.ts';
import { contains, formatPrefix, networkOf, overlap, parseAddress, parsePrefix } from '../../model/ip-address.ts';
import type { Inventory } from '../../model/types.ts';
import type { Adoption, Note } from '../entries.ts';
import { freeName, isGlobal } from '../wireguard/network.ts';
import type { FoundUfw, UfwRule } from './look.ts';

type Fate = { readonly flows: readonly FlowInput[] } | { readonly instead: string };

/** Rules that the role firewall itself wrote. */
const own = '[lab] ';
const everywhere = ['0.0.0.0/0', '::/0'];

/** What the inventory has to hold so that the role firewall lets through what ufw does. Pure. */
export function adoptUfw(found: readonly FoundUfw[], inventory: Inventory): Adoption {
  const names = new Names(inventory);
  for (const one of found) names.addWires(one);
  const notes: Note[] = [];
  const flows = new Map<string, FlowInput>();
  for (const one of found) {
    notes.push(...stateNotes(one));
    for (const rule of one.rules) {
      if (rule.comment.startsWith(own)) continue;
      const fate = fateOf(rule, one, names, inventory);
      if ('instead' in fate) notes.push(noteOf(one.host, rule, fate.instead));
      else for (const flow of fate.flows) join(flows, flow);
      if (rule.action === 'limit')
        notes.push(
          noteOf(
            one.host,
            rule,
            'a flow; with nftables sshRate and connectionRate limit new connections, with ufw nothing does',
          ),
        );
      if (rule.isLogged)
        notes.push(noteOf(one.host, rule, 'params: { firewall: { log: true } }, with nftables, notes what is denied'));
    }
  }
  const hosts = found
    .filter(({ host }) => inventory.hosts.get(host)?.params.get('firewall')?.backend !== 'ufw')
    .map(({ host }) => [host, { ...names.addressesOf(host), params: { firewall: { backend: 'ufw' } } }] as const);
  return {
    entries: {
      networks: names.networks,
      hosts: Object.fromEntries(hosts),
      flows: [...flows.values()].filter((flow) => !isDeclared(flow, inventory)),
    },
    notes: unique(notes),
  };
}

function stateNotes({ host, isActive, policies, edited }: FoundUfw): Note[] {
  const note = (file: string, foundThere: string, instead: string) => ({
    host,
    file,
    line: null,
    found: foundThere,
    instead,
  });
  const incoming = policies.get('INPUT') ?? 'DROP';
  return [
    ...(isActive ? [] : [note('/etc/ufw/ufw.conf', 'ENABLED=no', 'the rules hold nothing now; the role turns ufw on')]),
    ...(incoming === 'ACCEPT'
      ? [
          note(
            '/etc/default/ufw',
            'DEFAULT_INPUT_POLICY="ACCEPT"',
            'everything is let in now; with the role what no flow names is denied',
          ),
        ]
      : []),
    ...(policies.get('OUTPUT') === 'DROP' || policies.get('OUTPUT') === 'REJECT'
      ? [
          note(
            '/etc/default/ufw',
            'nothing leaves but what a rule names',
            "params: { firewall: { backend: 'nftables', egress: 'declared' } }: with ufw the role leaves it as it is",
          ),
        ]
      : []),
    ...edited.map((file) =>
      note(
        file,
        'edited by hand',
        'stays as it is with ufw; in nftables NAT and forwarding come of services, sites and flows',
      ),
    ),
  ];
}

function fateOf(rule: UfwRule, { host, policies }: FoundUfw, names: Names, inventory: Inventory): Fate {
  const { action, direction, isRoute, interfaces, source, sourcePorts } = rule;
  if (isRoute)
    return {
      instead:
        "ufw has no place for it in the model: with params: { firewall: { backend: 'nftables' } } a flow between the two lets a gateway pass it on",
    };
  if (action !== 'allow' && action !== 'limit')
    return {
      instead:
        action === 'limit'
          ? ''
          : 'what no flow names is denied already; where it is an exception to a rule after it, name the sources of that one more narrowly',
    };
  if (direction === 'out') {
    const isClosed = policies.get('OUTPUT') === 'DROP' || policies.get('OUTPUT') === 'REJECT';
    return {
      instead: isClosed
        ? `a flow from ${host}, with params: { firewall: { backend: 'nftables', egress: 'declared' } }`
        : 'everything may leave: egress is open',
    };
  }
  if (sourcePorts !== 'any') return { instead: `no place for source ports (${sourcePorts}): anybody can take any` };
  const from = interfaces.length > 0 ? names.behind(host, interfaces) : names.sourcesOf(source);
  if (from === undefined)
    return {
      instead:
        interfaces.length > 0
          ? `a flow from the network that ${interfaces.join(', ')} leads to: declare it, with the address that ${host} has there`
          : `a flow from whoever has ${source}: declare it as a host or a device, as it lies in a network that others have`,
    };
  const ports = portsOf(rule);
  if (ports === 'any' && from.includes('internet'))
    return { instead: 'every port for the whole internet is no flow: name the ports' };
  const protocols = ports === 'any' || rule.protocol !== 'any' ? [rule.protocol] : ['tcp', 'udp'];
  const others = protocols.filter((protocol) => protocol !== 'any' && protocol !== 'tcp' && protocol !== 'udp');
  if (others.length > 0) return { instead: `no place for the protocol ${others.join(', ')}: flows are of TCP and UDP` };
  return {
    flows: protocols.map((protocol) => ({
      from: from.length === 1 && from[0] !== undefined ? from[0] : from,
      ...targetOf(host, ports, protocol, inventory),
      reason: rule.comment || `ufw ${action} ${rule.ports}${rule.protocol === 'any' ? '' : `/${rule.protocol}`}`,
    })),
  };
}

type Ports = 'any' | readonly (number | `${number}-${number}`)[];

function portsOf({ ports }: UfwRule): Ports {
  if (ports === 'any') return 'any';
  return ports
    .split(',')
    .map((text) => (text.includes(':') ? (text.replace(':', '-') as `${number}-${number}`) : Number(text)));
}

/** A service by its name, else the host with ports. */
function targetOf(
  host: string,
  ports: Ports,
  protocol: string,
  { services }: Inventory,
): Pick<FlowInput, 'to' | 'ports' | 'protocol'> {
  const [only] = ports === 'any' || ports.length !== 1 ? [] : ports;
  const service = [...services.values()].find(
    (one) => one.host === host && one.port === only && one.protocol === protocol && one.gateways.length === 0,
  );
  if (service !== undefined) return { to: service.name };
  return {
    to: host,
    ports: ports === 'any' || only === undefined ? (ports as 'any') : only,
    ...(protocol === 'udp' ? { protocol } : {}),
  };
}

/** Rules of both families, and of several hosts, that say the same. */
function join(flows: Map<string, FlowInput>, flow: FlowInput): void {
  const key = JSON.stringify([flow.to, flow.ports, flow.protocol, flow.reason]);
  const before = flows.get(key);
  const from = [...new Set([...listOf(before?.from), ...listOf(flow.from)])];
  const [only] = from;
  flows.set(key, { ...flow, from: from.length === 1 && only !== undefined ? only : from });
}

function listOf(value: FlowInput['from'] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : (value as readonly string[]);
}

function isDeclared(flow: FlowInput, { flows }: Inventory): boolean {
  const nameOf = (end: { readonly kind: string; readonly name?: string }) => end.name ?? end.kind;
  const same = (a: readonly string[], b: readonly string[]) =>
    JSON.stringify(a.toSorted()) === JSON.stringify(b.toSorted());
  const ports = flow.ports === undefined || flow.ports === 'any' ? [] : [flow.ports].flat().map(String);
  return flows.some(
    (one) =>
      same(one.from.map(nameOf), listOf(flow.from)) &&
      same(one.to.map(nameOf), listOf(flow.to)) &&
      (one.protocol ?? 'tcp') === (flow.protocol ?? 'tcp') &&
      same(
        one.ports.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)),
        ports,
      ),
  );
}

/** Both families say most things twice. */
function unique(notes: readonly Note[]): Note[] {
  const seen = new Set<string>();
  return notes.filter(({ host, found, instead }) => {
    const key = JSON.stringify([host, found.replaceAll(/0\.0\.0\.0\/0|::\/0/g, 'anywhere'), instead]);
    return instead !== '' && !seen.has(key) && seen.add(key);
  });
}

function noteOf(host: string, rule: UfwRule, instead: string): Note {
  const { file, line, action, isRoute, ports, protocol, source, destination, direction, interfaces, comment } = rule;
  const words = [
    ...(isRoute ? ['route'] : []),
    action,
    direction,
    ...(interfaces.length > 0 ? ['on', interfaces.join(', ')] : []),
    ...(everywhere.includes(source) ? [] : ['from', source]),
    ...(everywhere.includes(destination) ? [] : ['to', destination]),
    ...(ports === 'any' ? [] : ['port', ports]),
    ...(protocol === 'any' ? [] : ['proto', protocol]),
    ...(comment === '' ? [] : [`# ${comment}`]),
  ];
  return { host, file, line, found: words.join(' '), instead };
}

/** Names of the inventory for addresses, and networks that it does not have yet. */
class Names {
  readonly networks: Record<string, NetworkInput> = {};
  readonly #inventory: Inventory;
  readonly #places = new Map<string, Record<string, string>>();

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  /** Networks that a host has a wire to: whoever is on them is anywhere, too, and not of the internet. */
  addWires({ host, wires }: FoundUfw): void {
    for (const { address } of wires) {
      const plain = address.split('/')[0] ?? '';
      const prefix = parsePrefix(address);
      if (
        prefix === undefined ||
        isGlobal(plain) ||
        this.#networkOf(plain) !== undefined ||
        this.#overlaps(formatPrefix(networkOf(prefix)))
      )
        continue;
      const name = freeName('lan', this.#inventory, new Set(Object.keys(this.networks)));
      this.networks[name] = { prefixes: formatPrefix(networkOf(prefix)) };
      this.#places.set(host, { ...this.#places.get(host), [name]: plain });
    }
  }

  addressesOf(host: string): { readonly addresses?: Record<string, string> } {
    const addresses = this.#places.get(host);
    return addresses === undefined ? {} : { addresses };
  }

  /** Who sends from a prefix: everybody, or somebody by name; undefined for nobody that could be named. */
  sourcesOf(source: string): readonly string[] | undefined {
    if (everywhere.includes(source)) return ['internet', ...this.#inside()];
    const text = source.includes('/') ? source : `${source}/${source.includes(':') ? 128 : 32}`;
    const prefix = parsePrefix(text);
    if (prefix === undefined) return undefined;
    const wanted = formatPrefix(networkOf(prefix));
    const all = this.#all().find(([, prefixes]) => prefixes.includes(wanted));
    if (all !== undefined) return [all[0]];
    const owner = [...this.#inventory.hosts.values(), ...this.#inventory.devices.values()].find(({ addresses }) =>
      [...addresses.values()].flat().includes(source.split('/')[0] ?? ''),
    );
    if (owner !== undefined && (!source.includes('/') || /\/(32|128)$/.test(source))) return [owner.name];
    if (this.#overlaps(wanted)) return undefined;
    const name = freeName(
      `net-${wanted.replaceAll(/[^0-9a-f]+/g, '-')}`,
      this.#inventory,
      new Set(Object.keys(this.networks)),
    );
    this.networks[name] = { prefixes: wanted };
    return [name];
  }

  /** The network that interfaces of a host lead to, as far as it is the tunnel. */
  behind(host: string, interfaces: readonly string[]): readonly string[] | undefined {
    const declared = this.#inventory.hosts.get(host);
    if (declared === undefined) return undefined;
    const tunnel = tunnelInterfacesOf(declared, this.#inventory);
    const network = tunnelParamsOf(declared, this.#inventory)?.network;
    return network !== undefined && interfaces.every((name) => tunnel.includes(name)) ? [network] : undefined;
  }

  #all(): (readonly [string, readonly string[]])[] {
    return [
      ...[...this.#inventory.networks.values()].map(({ name, prefixes }) => [name, prefixes] as const),
      ...Object.entries(this.networks).map(([name, { prefixes }]) => [name, [prefixes].flat() as string[]] as const),
    ];
  }

  #inside(): string[] {
    return this.#all()
      .filter(([name]) => this.#inventory.networks.get(name)?.public !== true)
      .map(([name]) => name);
  }

  #networkOf(text: string): string | undefined {
    const address = parseAddress(text);
    return this.#all().find(([, prefixes]) =>
      prefixes.some((each) => {
        const prefix = parsePrefix(each);
        return prefix !== undefined && address !== undefined && contains(prefix, address);
      }),
    )?.[0];
  }

  #overlaps(text: string): boolean {
    const wanted = parsePrefix(text);
    return this.#all().some(([, prefixes]) =>
      prefixes.some((each) => {
        const prefix = parsePrefix(each);
        return prefix !== undefined && wanted !== undefined && overlap(prefix, wanted);
      }),
    );
  }
}
