import { type Facts, LabError } from '../../../src/index.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';
import { interfacesOf, type Params } from '../params.ts';
import { publicKeyFile } from '../render.ts';
import { stateOf, type TunnelState } from '../state.ts';
import { readState } from '../tunnel.ts';

/** What wg(8) says of a peer on a running interface. */
export interface PeerReading {
  /** Seconds since the epoch; 0 for never. */
  readonly handshake: number;
  /** Bytes. */
  readonly received: number;
  readonly sent: number;
  /** `198.51.100.7:51820`; null while there is none. */
  readonly endpoint: string | null;
}

/** What a host says of its part in the tunnel. */
export interface Reading {
  readonly state: TunnelState;
  /** Interface → when its key was made, seconds since the epoch. */
  readonly made: ReadonlyMap<string, number>;
  /** The clock of the host, seconds since the epoch. */
  readonly now: number;
  /** Interfaces that are there → the public key that they run with. */
  readonly running: ReadonlyMap<string, string>;
  /** Those of them that are set down. */
  readonly disabled: ReadonlySet<string>;
  /** `INTERFACE PEER` → when the file with the preshared key was written, seconds since the epoch. */
  readonly preshared: ReadonlyMap<string, number>;
  /** `INTERFACE KEY` → the peer with this key there. */
  readonly peers: ReadonlyMap<string, PeerReading>;
  /** `INTERFACE PREFIX` */
  readonly routes: ReadonlySet<string>;
}

/**
 * Reads a host in one round trip; no private and no preshared key is read.
 *
 * @throws LabError READ_FAILED when wg(8) does not tell what an interface does: that must not count as one that is down
 */
export async function readLinks(facts: Facts, params: Params): Promise<Reading> {
  const all = interfacesOf(params);
  const argv = ['sh', '-c', readRoleFile('wireguard/status/look.sh'), 'lab-wireguard-status', ...all];
  const [state, files, { stdout }] = await Promise.all([
    readState({ params, facts }),
    Promise.all(all.map((name) => facts.file(publicKeyFile(name)))),
    facts.run(argv, { timeoutSeconds: 60 }),
  ]);
  const made = all.flatMap((name, index): [string, number][] => {
    const file = files[index];
    return file === undefined || file.kind === 'absent' ? [] : [[name, file.modified]];
  });
  const { refused, ...look } = parseLook(stdout);
  if (refused.length > 0)
    throw new LabError('READ_FAILED', `wg(8) does not tell what ${refused.join(', ')} does`, {
      expected: 'root, and wireguard-tools on the host',
      hint: "log in as root or set become: 'sudo' in the inventory, and run the playbook with the role wireguard",
    });
  return { state: stateOf(state ?? undefined), made: new Map(made), ...look };
}

/** What `look.sh` printed; a line that is none of its own is left out. */
export function parseLook(text: string): Omit<Reading, 'state' | 'made'> & { readonly refused: readonly string[] } {
  let now = 0;
  const running = new Map<string, string>();
  const peers = new Map<string, PeerReading>();
  const routes = new Set<string>();
  const disabled = new Set<string>();
  const preshared = new Map<string, number>();
  const refused: string[] = [];
  for (const line of text.split('\n')) {
    const [word, name = '', ...rest] = line.split(' ');
    if (word === 'now') now = wholeNumber(name);
    else if (word === 'interface') running.set(name, rest[0] ?? '');
    else if (word === 'disabled') disabled.add(name);
    else if (word === 'refused') refused.push(name);
    else if (word === 'preshared') preshared.set(`${name} ${rest[0]}`, wholeNumber(rest[1]));
    else if (word === 'route') routes.add(`${name} ${rest[0]}`);
    else if (word === 'peer') {
      const [key, handshake, received, sent, endpoint] = rest;
      peers.set(`${name} ${key}`, {
        handshake: wholeNumber(handshake),
        received: wholeNumber(received),
        sent: wholeNumber(sent),
        endpoint: endpoint === undefined || endpoint === '(none)' ? null : endpoint,
      });
    }
  }
  return { now, running, disabled, preshared, peers, routes, refused };
}

function wholeNumber(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
