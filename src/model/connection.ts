import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { ConnectionFallback, ConnectionSettings } from '../transport/contract.ts';
import { auto } from './addresses-input.ts';
import type { ConnectionInput, FallbackInput, HostInput, InventoryInput } from './input.ts';
import { formatAddress, parseAddress } from './ip-address.ts';
import { type Layer, layersOf, mergeLayers } from './layers.ts';
import { type DocumentPath, itemsAt, type Locate, listOf, type Problem } from './problems.ts';
import type { Provenance } from './types.ts';

/** Settings of one host with those of its groups and the inventory; `root` is where relative paths start. */
export function resolveConnection(
  input: InventoryInput,
  name: string,
  options: { readonly root: string; readonly locate: Locate; readonly layers?: readonly Layer[] },
): { readonly connection: ConnectionSettings; readonly provenance: ReadonlyMap<string, Provenance> } {
  const host = input.hosts[name] ?? {};
  const merged = mergeLayers(options.layers ?? layersOf(input, name), 'ssh', options.locate);
  const {
    address: _,
    transport = 'ssh',
    become,
    identityFile,
    configFile,
    proxyJump,
    fallback = [],
    ...rest
  } = merged.value as ConnectionInput;
  const jumps = listOf(proxyJump).filter((jump) => jump !== name);
  const connection: ConnectionSettings = {
    ...rest,
    transport,
    address: dialled(host)?.text ?? (transport === 'local' ? 'localhost' : name),
    become: become ?? (transport === 'docker' || transport === 'local' || rest.user === 'root' ? 'none' : 'sudo'),
    ...(identityFile !== undefined && { identityFile: pathFrom(options.root, identityFile) }),
    ...(configFile !== undefined && { configFile: pathFrom(options.root, configFile) }),
    ...(jumps.length > 0 && { proxyJump: jumps.map((jump) => jumpTarget(input, jump)) }),
    ...(fallback.length > 0 && {
      fallback: fallback.map((entry) => resolveFallback(entry, { input, name, root: options.root, become })),
    }),
  };
  return { connection, provenance: withAddress(merged.provenance, host, name, options.locate) };
}

interface FallbackContext {
  readonly input: InventoryInput;
  readonly name: string;
  readonly root: string;
  /** As declared for the host; undefined where it follows from the user. */
  readonly become: ConnectionInput['become'];
}

function resolveFallback(entry: FallbackInput, { input, name, root, become }: FallbackContext): ConnectionFallback {
  const given = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
  const { identityFile, proxyJump, user } = entry;
  const jumps = listOf(proxyJump).filter((jump) => jump !== name);
  return {
    ...(user !== undefined && { become: user === 'root' ? 'none' : (become ?? 'sudo') }),
    ...given,
    ...(identityFile !== undefined && { identityFile: pathFrom(root, identityFile) }),
    // An empty list means something here: no jump host, although the host has one.
    ...(proxyJump !== undefined && { proxyJump: jumps.map((jump) => jumpTarget(input, jump)) }),
  };
}

function withAddress(
  provenance: ReadonlyMap<string, Provenance>,
  host: HostInput,
  name: string,
  locate: Locate,
): Map<string, Provenance> {
  const target = dialled(host);
  if (target === undefined) return new Map(provenance);
  const path = ['hosts', name, ...target.path];
  return new Map([...provenance, ['address', { level: 'host', name, path, at: locate(path) }]]);
}

/** What is dialled for a host: `address`, `ssh.address`, or the first address on a network that it was given. */
export function dialled(host: HostInput): { readonly text: string; readonly path: DocumentPath } | undefined {
  if (host.address !== undefined) return { text: host.address, path: ['address'] };
  if (host.ssh?.address !== undefined) return { text: host.ssh.address, path: ['ssh', 'address'] };
  for (const [network, addresses] of Object.entries(host.addresses ?? {})) {
    const first = listOf(addresses)[0];
    // What is assigned is known to the host only once it was connected to.
    if (first !== undefined && first !== auto) return { text: first, path: ['addresses', network] };
  }
  return undefined;
}

/** A jump host that the inventory knows, as `user@address:port`; anything else is `ssh`'s to understand. */
function jumpTarget(input: InventoryInput, jump: string): string {
  const host = Object.hasOwn(input.hosts, jump) ? input.hosts[jump] : undefined;
  const address = host === undefined ? undefined : dialled(host)?.text;
  if (address === undefined) return jump;
  const { user, port } = mergeLayers(layersOf(input, jump), 'ssh', () => undefined).value as ConnectionInput;
  const bracketed = parseAddress(address)?.kind() === 'ipv6' ? `[${address}]` : address;
  return `${user === undefined ? '' : `${user}@`}${bracketed}${port === undefined ? '' : `:${port}`}`;
}

function pathFrom(root: string, path: string): string {
  if (path === '~' || path.startsWith('~/')) return join(homedir(), path.slice(1));
  return isAbsolute(path) ? path : resolve(root, path);
}

/** Hosts that cannot be reached because nothing says where, or that would be one and the same machine. */
export function checkConnections(input: InventoryInput): Problem[] {
  const endpoints = new Map<string, string>();
  return Object.entries(input.hosts).flatMap(([name, host]): Problem[] => {
    const path = ['hosts', name];
    const target = dialled(host);
    const settings = mergeLayers(layersOf(input, name), 'ssh', () => undefined).value as ConnectionInput;
    if (target === undefined) return isFoundByName(settings) ? [] : [problemOfNowhere(name, path, host)];
    if (host.address !== undefined && host.ssh?.address !== undefined && host.address !== host.ssh.address) {
      const found = `${host.address} and ${host.ssh.address}`;
      return [
        {
          message: 'the host has two addresses to connect to',
          path: [...path, 'ssh', 'address'],
          expected: 'either "address" or "ssh.address"',
          found,
        },
      ];
    }
    const at = [...path, ...target.path];
    const bad = target.path[0] === 'addresses' ? undefined : problemOfTarget(target.text, at);
    if (bad !== undefined) return [bad];
    const address = parseAddress(target.text);
    const endpoint = JSON.stringify([
      address === undefined ? target.text.toLowerCase() : formatAddress(address),
      settings.port ?? 22,
      settings.transport ?? 'ssh',
      listOf(settings.proxyJump),
    ]);
    const other = endpoints.get(endpoint);
    endpoints.set(endpoint, name);
    // The same address on a network is told by checkNetworks.
    if (other === undefined || target.path[0] === 'addresses' || settings.transport === 'local') return [];
    return [
      {
        message: `"${name}" and "${other}" connect to the same address`,
        path: at,
        expected: 'one host for each machine',
        found: target.text,
      },
    ];
  });
}

/** Entries of `fallback` that say nothing, or name what cannot be connected to. */
export function checkFallbacks(input: InventoryInput): Problem[] {
  const owners: readonly { readonly ssh: ConnectionInput | undefined; readonly path: DocumentPath }[] = [
    { ssh: input.ssh, path: ['ssh'] },
    ...Object.entries(input.groups ?? {}).map(([name, { ssh }]) => ({ ssh, path: ['groups', name, 'ssh'] })),
    ...Object.entries(input.hosts).map(([name, { ssh }]) => ({ ssh, path: ['hosts', name, 'ssh'] })),
  ];
  return owners.flatMap(({ ssh, path }) =>
    itemsAt(ssh?.fallback, [...path, 'fallback']).flatMap(({ item, path: at }): Problem[] => {
      if (Object.values(item).every((value) => value === undefined)) {
        const expected = 'at least one setting, such as port or user';
        return [{ message: 'this is no other way to connect', path: at, expected, found: 'an empty entry' }];
      }
      const bad = item.address === undefined ? undefined : problemOfTarget(item.address, [...at, 'address']);
      return bad === undefined ? [] : [bad];
    }),
  );
}

function problemOfNowhere(name: string, path: DocumentPath, { addresses = {} }: HostInput): Problem {
  const isAssigned = Object.values(addresses).includes(auto);
  const hint = `add address: '…' (an alias of ~/.ssh/config is fine: address: '${name}')`;
  return {
    message: `nothing says how to connect to "${name}"`,
    path,
    expected: 'an address, or an address on one of the networks',
    found: isAssigned ? 'only what is assigned, which the host does not have before a first run' : undefined,
    hint,
  };
}

/** A container is found by the host's name, and this machine is always here. */
function isFoundByName({ transport }: ConnectionInput): boolean {
  return transport === 'docker' || transport === 'local';
}

/** Names are left to the resolver; what looks like an address has to be one. */
function problemOfTarget(text: string, path: DocumentPath): Problem | undefined {
  const expected = 'an address or a host name';
  if (text.startsWith('-') || /[\s/'"@]/.test(text)) {
    const hint = text.includes('@') ? 'the user belongs in ssh.user' : undefined;
    return { message: 'this cannot be connected to', path, expected, found: JSON.stringify(text), hint };
  }
  if (/^[\d.]+$/.test(text) && parseAddress(text) === undefined) {
    const hint = /^0\d|\.0\d/.test(text) ? 'leave out leading zeros: some programs read them as octal' : undefined;
    return { message: 'this is no IP address', path, expected, found: text, hint };
  }
  if (text.includes(':') && parseAddress(text) === undefined) {
    return { message: 'this is no IPv6 address', path, expected, found: text, hint: 'a port belongs in ssh.port' };
  }
  return undefined;
}
