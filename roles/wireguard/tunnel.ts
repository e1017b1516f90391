import {
  type ExportContext,
  type Exports,
  file,
  packages,
  type ResourceTree,
  type RoleContext,
  type SystemFact,
  sysctl,
} from '../../src/index.ts';
import { readRoleFile } from '../../src/shared/own-package.ts';
import { readFound } from './found/found.ts';
import { stateOfFound } from './found/match.ts';
import { mainInterface, type NewPresharedKey, newPresharedKey, type States, wantedLinks } from './links.ts';
import { type Tunnel, tunnelOf } from './mesh.ts';
import { interfacesOf, type Params } from './params.ts';
import {
  hostScript,
  linksFile,
  peersOn,
  presharedKeyFile,
  publicKeyFile,
  renderConfig,
  renderLinks,
} from './render.ts';
import { tunnelInterfaces, tunnelKeys, tunnelLinks } from './resources.ts';
import { exportsOf, isEndedThere, isPublicKey, parseLinks, stateOf, type TunnelState, unusedKeys } from './state.ts';

/** What a rotation of keys changes of the tunnel of a host, compared with what it is. */
export interface Transition {
  /** Interfaces that need a key beyond those that have one. */
  readonly added: readonly string[];
  /** Only make keys: the links wait until all have told theirs. */
  readonly onlyKeys: boolean;
  /** The links that the host shall have, from those that it has. */
  readonly links: (own: TunnelState) => TunnelState['links'];
  /** What is taken away is destroyed: no copy stays for a rollback. */
  readonly final: boolean;
  /** Preshared keys with devices, which are made elsewhere: `PEER INTERFACE` → key. */
  readonly presharedKeys?: ReadonlyMap<string, NewPresharedKey>;
}

const unchanged: Transition = { added: [], onlyKeys: false, links: ({ links }) => links, final: false };

/** The whole tunnel of a host: as it is, or with what a rotation changes of it. */
export async function declareTunnel(
  context: RoleContext<Params>,
  transition: Transition = unchanged,
): Promise<ResourceTree> {
  const { host, inventory, params } = context;
  const tunnel = tunnelOf(host, inventory, params);
  const system = await context.system();
  return [
    // What wireguard-tools recommends is a kernel with the module: a container or a host with a kernel of its own has no use for it.
    packages({
      names: packagesFor(system),
      recommends: false,
      unless: { [userspaceProgram]: '/sys/module/wireguard' },
    }),
    file({ path: hostScript, content: readRoleFile('wireguard/host.sh'), mode: '0755' }),
    tunnel.forwards && [
      sysctl({ key: 'net.ipv4.ip_forward', value: '1' }),
      tunnel.addresses.some((address) => address.includes(':')) &&
        sysctl({ key: 'net.ipv6.conf.all.forwarding', value: '1' }),
    ],
    context.withExports([host.name], (known) => {
      const own = stateOf(known.get(host.name));
      const retired = transition.final ? unusedKeys({ ...own, links: transition.links(own) }) : [];
      const present = own.keys.size === 0 ? [params.interface] : [...own.keys.keys()];
      const interfaces = [...new Set([...present, ...transition.added])]
        .filter((name) => !retired.includes(name))
        .sort();
      const keys = tunnelKeys({ tunnel: params.interface, interfaces });
      if (transition.onlyKeys) return keys;
      return [
        keys,
        context.withExports([host.name, ...tunnel.peers.map(({ name }) => name)], (states, reached) =>
          linked(context, tunnel, statesOf(states), reached, transition),
        ),
        retired.length > 0 && tunnelKeys({ tunnel: `${params.interface}, retired`, interfaces: [], retired }),
      ];
    }),
  ];
}

export function statesOf(known: ReadonlyMap<string, Readonly<Record<string, string>>>): States {
  return new Map([...known].map(([name, exports]) => [name, stateOf(exports)]));
}

function linked(
  { host, params, agreed }: RoleContext<Params>,
  tunnel: Tunnel,
  states: States,
  reached: ReadonlySet<string>,
  transition: Transition,
): ResourceTree {
  const own = states.get(host.name) ?? stateOf(undefined);
  const changed = new Map([...states, [host.name, { ...own, links: transition.links(own) }]]);
  const { links, newKeys } = wantedLinks(
    host.name,
    params.interface,
    tunnel.peers,
    changed,
    (peer) => reached.has(peer),
    (name) => agreed(`preshared key ${name}`, newPresharedKey),
  );
  const secretOf = (end: string) => (transition.presharedKeys?.get(end) ?? newKeys.get(end))?.secret;
  const all = interfacesOf(params);
  const used = all.filter((name) => peersOn(name, links).length > 0);
  const names = used.length > 0 ? used : [mainInterface(own, params.interface)];
  return [
    tunnelInterfaces({
      tunnel: params.interface,
      all: [...all],
      final: transition.final,
      dead: deadKeys(host.name, own, states, reached),
      wanted: names.map((name) => ({
        name,
        config: renderConfig(host.name, name, tunnel, links, params),
        presharedKeys: peersOn(name, links).flatMap(({ peer, end }) =>
          end.presharedKey === null
            ? []
            : [{ peer, peerKey: end.peerKey, fingerprint: end.presharedKey, secret: secretOf(`${peer} ${name}`) }],
        ),
      })),
    }),
    tunnelLinks({
      tunnel: params.interface,
      path: linksFile(params),
      content: renderLinks(tunnel, links),
      all: [...all],
      final: transition.final,
    }),
  ];
}

/** Preshared keys of links that a rotation ended at the other end alone, before it was interrupted. */
function deadKeys(self: string, own: TunnelState, states: States, reached: ReadonlySet<string>): string[] {
  return [...own.links].flatMap(([peer, ends]) => {
    const other = states.get(peer);
    if (other === undefined || !reached.has(peer)) return [];
    return ends.filter((end) => isEndedThere(end, other, self)).map((end) => presharedKeyFile(end.interface, peer));
  });
}

/** Everything of the tunnel is taken away, the keys for good: when a fresh login has shown that nobody needs the way back. */
export function withoutTunnel(params: Params): ResourceTree {
  const all = [...interfacesOf(params)];
  const tunnel = params.interface;
  return [
    tunnelInterfaces({ tunnel, all, wanted: [], keepPreshared: true }),
    tunnelLinks({ tunnel, path: linksFile(params), content: null, all }),
    tunnelKeys({ tunnel, interfaces: [], retired: all, withPreshared: true }),
    file({ path: hostScript, state: 'absent' }),
  ];
}

/** The tunnel as the files of a host say it is, or as somebody has made it by hand; null without a key. */
export async function exportState(context: ExportContext<Params>): Promise<Exports | null> {
  const { host, inventory, params, facts } = context;
  const [told, { interfaces }] = await Promise.all([readState(context), readFound(facts, interfacesOf(params))]);
  const found = interfaces.get(params.interface);
  if (found === undefined || params.state === 'absent') return told;
  return exportsOf(stateOfFound(params.interface, found, tunnelOf(host, inventory, params), inventory, params));
}

/** The tunnel as the files of a host say it is; null without a key. */
export async function readState({
  params,
  facts,
}: {
  readonly params: Params;
  readonly facts: { content(path: string): Promise<Uint8Array | null> };
}): Promise<Exports | null> {
  const all = interfacesOf(params);
  const text = (content: Uint8Array | null) => (content === null ? '' : Buffer.from(content).toString());
  const [links, ...keys] = await Promise.all(
    [linksFile(params), ...all.map(publicKeyFile)].map(async (path) => text(await facts.content(path))),
  );
  const known = all.flatMap((name, index): [string, string][] => {
    const key = keys[index]?.trim() ?? '';
    return isPublicKey(key) ? [[name, key]] : [];
  });
  return known.length === 0 ? null : exportsOf({ keys: new Map(known), links: parseLinks(links ?? '') });
}

const userspaceProgram = 'wireguard-go';

/** wireguard-go is for kernels without the module; wg-quick takes it only then. */
function packagesFor({ packageManager }: SystemFact): string[] {
  return packageManager === 'apt' ? ['wireguard-tools', userspaceProgram, 'iproute2'] : ['wireguard-tools', 'iproute2'];
}
