import type { Facts } from '../../../src/index.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';

/** A peer of an interface that runs. */
export interface FoundPeer {
  readonly publicKey: string;
  /** As in `LinkEnd`. */
  readonly presharedKey: string | null;
  /** `198.51.100.7:51820`; null while there is none. */
  readonly endpoint: string | null;
  /** Seconds; 0 is never. */
  readonly keepalive: number;
  readonly allowedIps: readonly string[];
}

/** An interface that runs and that the role did not configure: somebody made it by hand. */
export interface FoundInterface {
  readonly publicKey: string;
  /** The private key, and the public one, are where the role keeps them. */
  readonly isKept: boolean;
  /** Firewall mark of what it sends; wg-quick(8) sets one when it moves the way to the internet into the tunnel. */
  readonly mark: string | null;
  readonly port: number;
  /** Bytes. */
  readonly mtu: number;
  /** `10.80.0.1/24` */
  readonly addresses: readonly string[];
  readonly peers: readonly FoundPeer[];
}

/** What `look.sh` says of the interfaces that were asked for. */
export interface Found {
  /** Interface → the text of `/etc/wireguard/INTERFACE.conf`, in which `(hidden)` stands for every private and preshared key. */
  readonly configs: ReadonlyMap<string, string>;
  /** Interface → files of systemd-networkd that make it: path → text, as above. */
  readonly networkd: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly interfaces: ReadonlyMap<string, FoundInterface>;
}

export const nothingFound: Found = { configs: new Map(), networkd: new Map(), interfaces: new Map() };

/** Reads a host; asked again for the same interfaces it costs nothing. No private and no preshared key is read. */
export async function readFound(facts: Pick<Facts, 'run'>, interfaces: readonly string[]): Promise<Found> {
  const argv = ['sh', '-c', readRoleFile('wireguard/found/look.sh'), 'lab-wireguard-found', ...interfaces];
  return parseFound((await facts.run(argv)).stdout);
}

type Draft = { -readonly [Key in keyof FoundInterface]: FoundInterface[Key] } & {
  addresses: string[];
  peers: FoundPeer[];
};

/** A line that is none of its own is left out. */
export function parseFound(text: string): Found {
  const configs = new Map<string, string>();
  const networkd = new Map<string, Map<string, string>>();
  const interfaces = new Map<string, Draft>();
  for (const line of text.split('\n')) {
    const [, word, name, rest = ''] = /^([a-z-]+) (\S+)(?: (.*))?$/.exec(line) ?? [];
    if (word === undefined || name === undefined) continue;
    const files = networkd.get(name) ?? new Map<string, string>();
    const draft = interfaces.get(name);
    if (word === 'config') configs.set(name, `${configs.get(name) ?? ''}${rest}\n`);
    else if (word === 'networkd') networkd.set(name, files.set(rest, ''));
    else if (word === 'networkd-line') {
      const [path = '', ...words] = rest.split(' ');
      if (files.has(path)) files.set(path, `${files.get(path)}${words.join(' ')}\n`);
    } else if (word === 'running') interfaces.set(name, newDraft(rest));
    else if (draft !== undefined) note(draft, word, rest);
  }
  return { configs, networkd, interfaces };
}

function newDraft(publicKey: string): Draft {
  return { publicKey, isKept: false, mark: null, port: 0, mtu: 0, addresses: [], peers: [] };
}

function note(draft: Draft, word: string, rest: string): void {
  if (word === 'kept') draft.isKept = true;
  else if (word === 'mark') draft.mark = rest;
  else if (word === 'port') draft.port = Number(rest);
  else if (word === 'mtu') draft.mtu = Number(rest);
  else if (word === 'address') draft.addresses.push(rest);
  else if (word === 'peer') {
    const [publicKey = '', presharedKey = 'none', endpoint = 'none', keepalive = '0', ...prefixes] = rest.split(' ');
    draft.peers.push({
      publicKey,
      presharedKey: presharedKey === 'none' ? null : presharedKey,
      endpoint: endpoint === 'none' ? null : endpoint,
      keepalive: Number(keepalive),
      allowedIps: prefixes.filter((prefix) => prefix !== ''),
    });
  }
}
