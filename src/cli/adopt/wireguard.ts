import { resolve } from 'node:path';
import { z } from 'zod';
import wireguard from '../../../roles/wireguard/role.ts';
import { deviceInterfaces } from '../../../roles/wireguard/state.ts';
import { type AdoptedTunnel, adoptTunnels } from '../../adopt/wireguard/compile.ts';
import { lookForTunnels } from '../../adopt/wireguard/look.ts';
import type { Inventory } from '../../model/types.ts';
import { defineProcedure, type Procedure } from '../../playbook/procedure.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import { visibleLine } from '../../report/visible.ts';
import { type ExitCode, exitCodes, LabError } from '../../shared/errors.ts';
import type { AdoptOptions } from '../adopt.ts';
import { lockOf } from '../host-keys.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import { operateProcedure } from '../procedure.ts';
import { hasEntries, showAdoption } from './show.ts';

/** `lab adopt wireguard` */
export async function adoptWireguard(options: AdoptOptions): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const patterns = options.limit.length > 0 ? options.limit : ['all'];
  const outcomes = await onHosts(patterns, options, (session, { name }) =>
    lookForTunnels(new FactLoader(session), name),
  );
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  const tunnels = outcomes.flatMap(({ value }) => value ?? []);
  const adopted = adoptTunnels(tunnels, inventory, options.interface);
  if (options.apply === true) return await takeOver(adopted, errors, inventory, file, options);
  await showAdoption({ ...adopted, next: nextSteps(adopted) }, errors, options);
  return errors.length > 0 ? exitCodes.hostUnreachable : exitCodes.asDeclared;
}

function nextSteps({ entries, differences }: AdoptedTunnel): string[] {
  if (hasEntries(entries)) return ['put the entries into the inventory, and run this again: it compares then'];
  const run = 'lab run of a playbook with the role wireguard';
  return differences.length === 0
    ? [`the inventory says what is there: lab adopt wireguard --apply takes it over, or ${run}`]
    : [
        `the inventory has a place for all of it: ${run} takes it over and makes these changes; --apply would refuse them`,
      ];
}

/**
 * The first run of the role, for these hosts alone, when it changes nothing of what runs: keys, peers, prefixes, ports and
 * addresses stay, and only the form is another one.
 *
 * @throws LabError PLAN_IMPOSSIBLE before anything is changed
 */
async function takeOver(
  adopted: AdoptedTunnel,
  errors: readonly LabError[],
  inventory: Inventory,
  file: string,
  options: AdoptOptions,
): Promise<ExitCode> {
  refuseChanges(adopted, errors);
  const hosts = adopted.members.map(({ host }) => host);
  const exitCode = await operateProcedure(procedureFor(adopted, inventory), resolve(file), {
    ...options,
    limit: [hosts.join(',')],
    check: false,
    guardSeconds: options.guardTimeout,
    given: {},
  });
  // Also when one host of several failed: their gateway may be among those that were taken.
  await rememberDevices(adopted, inventory, file);
  return exitCode;
}

function refuseChanges({ entries, differences, members }: AdoptedTunnel, errors: readonly LabError[]): void {
  const [unread] = errors;
  if (unread !== undefined) throw unread;
  if (hasEntries(entries))
    throw new LabError('PLAN_IMPOSSIBLE', 'the inventory does not say yet what is there', {
      expected: `entries for ${members.map(({ host }) => host).join(', ')}`,
      hint: 'lab adopt wireguard shows them; nothing was changed',
    });
  const [first, ...others] = differences.map(({ host, found, instead }) => `${host}: ${found} would become ${instead}`);
  if (first === undefined) return;
  throw new LabError('PLAN_IMPOSSIBLE', 'the inventory would change what runs', {
    expected: 'the same addresses, ports, peers and prefixes',
    found: [first, ...others].join('; '),
    hint: 'change the inventory; or, when that is meant, lab run of a playbook with the role wireguard. Nothing was changed',
  });
}

function procedureFor({ members, notes }: AdoptedTunnel, inventory: Inventory): Procedure {
  const hosts = members.map(({ host }) => host);
  return defineProcedure({
    name: 'adopt wireguard',
    inventory,
    params: z.strictObject({}),
    given: {},
    at: undefined,
    prepare: async (context) => ({
      findings: notes.map(({ host, found, instead }) => `${host}: ${visibleLine(found)} → ${visibleLine(instead)}`),
      pending: [],
      outcome: () => 'taken over: keys, peers and interfaces are as they were',
      afterwards: 'lab adopt wireguard --apply goes on',
      steps: [
        {
          name: 'take over',
          will: `bring the form of the role wireguard to ${hosts.join(', ')}`,
          final: true,
          async run() {
            const outcomes = await context.apply('take over', hosts, wireguard());
            for (const [host, { status, message }] of outcomes)
              if (status !== 'ok' && status !== 'changed')
                throw new LabError(status === 'unreachable' ? 'UNREACHABLE' : 'STEP_FAILED', `${host} is as it was`, {
                  host,
                  output: message,
                });
            return hosts.join(', ');
          },
        },
      ],
    }),
  }) as unknown as Procedure;
}

/** The public keys that devices have, as `lab device add` would have noted them. */
async function rememberDevices({ devices }: AdoptedTunnel, inventory: Inventory, file: string): Promise<void> {
  const lock = await lockOf(inventory, file);
  for (const { name, publicKey } of devices)
    if (lock.wireguard('device', name).keys.size === 0)
      lock.setWireguard('device', name, { keys: new Map([[deviceInterfaces[0], publicKey]]), links: new Map() });
  await lock.save();
}
