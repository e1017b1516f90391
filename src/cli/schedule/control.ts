import { hostname } from 'node:os';
import type { Host, Inventory } from '../../model/types.ts';
import { Session } from '../../remote/session.ts';
import { LabError } from '../../shared/errors.ts';
import { suggestion } from '../../shared/suggest.ts';
import type { Reach } from '../endpoints.ts';

/** Name of this machine among hosts, when it is the control host. */
const thisMachine = 'this-machine';

/** The machine that a job runs on. */
export interface Control {
  readonly host: Host;
  /** What people call it. */
  readonly name: string;
}

/**
 * @param on host of the inventory; this machine without it
 * @throws LabError HOST_PATTERN; USAGE on this machine without root
 */
export function controlOf(inventory: Inventory | undefined, on: string | undefined): Control {
  if (on === undefined) return ownMachine();
  const host = inventory?.hosts.get(on);
  if (host !== undefined) return { host, name: on };
  throw new LabError('HOST_PATTERN', 'no host is called that', {
    expected: 'a host of the inventory',
    found: on,
    hint: suggestion(on, [...(inventory?.hosts.keys() ?? [])]),
  });
}

function ownMachine(): Control {
  if (process.getuid?.() !== 0) {
    throw new LabError('USAGE', 'only root sets up the jobs of this machine, and sees them', {
      expected: 'root, or another machine',
      found: `uid ${process.getuid?.()}`,
      hint: 'sudo npx lab schedule …, or name a host of the inventory: --on HOST',
    });
  }
  const connection = { transport: 'local', address: 'localhost', become: 'none' } as const;
  const nothing = { groups: [], addresses: new Map(), params: new Map(), provenance: new Map() };
  return { host: { name: thisMachine, connection, ...nothing }, name: hostname() };
}

/** Does one thing on a host, in a session of its own. */
export async function onHost<Value>(
  host: Host,
  reach: Reach,
  work: (session: Session) => Promise<Value>,
): Promise<Value> {
  const { connection: reached, settings } = await reach(host, 'any');
  await using connection = reached;
  await using session = await Session.open(connection, settings);
  return await work(session);
}
