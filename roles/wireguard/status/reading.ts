import type { Facts } from '../../../src/index.ts';
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
  /** Interfaces that are up → the public key that they run with. */
  readonly running: ReadonlyMap<string, string>;
  /** `INTERFACE KEY` → the peer with this key there. */
  readonly peers: ReadonlyMap<string, PeerReading>;
  /** `INTERFACE PREFIX` */
  readonly routes: ReadonlySet<string>;
}

/** Reads a host in one round trip; no private and no preshared key is read. */
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
  return { state: stateOf(state ?? undefined), made: new Map(made), ...parseLook(stdout) };
}

/** What `look.sh` printed; a line that is none of its own is left out. */
export function parseLook(text: string): Omit<Reading, 'state' | 'made'> {
  let now = 0;
  const running = new Map<string, string>();
  const peers = new Map<string, PeerReading>();
  const routes = new Set<string>();
  for (const line of text.split('\n')) {
    const [word, name = '', ...rest] = line.split(' ');
    if (word === 'now') now = Number(name);
    else if (word === 'interface') running.set(name, rest[0] ?? '');
    else if (word === 'route') routes.add(`${name} ${rest[0]}`);
    else if (word === 'peer') {
      const [key, handshake, received, sent, endpoint] = rest;
      peers.set(`${name} ${key}`, {
        handshake: Number(handshake),
        received: Number(received),
        sent: Number(sent),
        endpoint: endpoint === undefined || endpoint === '(none)' ? null : endpoint,
      });
    }
  }
  return { now, running, peers, routes };
}
