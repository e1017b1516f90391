import { type Host, LabError } from '../../../src/index.ts';
import type { ProcedureContext } from '../../../src/playbook/procedure.ts';
import { paramsFor } from '../host-params.ts';
import { membersOf, type Tunnel, tunnelOf } from '../mesh.ts';
import { interfacesOf, type Params, secondsOf } from '../params.ts';
import { publicKeyFile } from '../render.ts';
import { isDeviceInterface, stateOf, unusedKeys } from '../state.ts';
import { readState } from '../tunnel.ts';
import { type Rotation, rotationOf, type Standing } from './due.ts';
import { onHost } from './on-host.ts';
import type { RotationParams } from './rotate-keys.ts';

/** What a rotation finds before it begins. */
export interface Survey {
  readonly rotation: Rotation;
  readonly standing: ReadonlyMap<string, Standing>;
  readonly absent: ReadonlyMap<string, string>;
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  readonly params: Params;
  readonly notices: readonly string[];
  /** Hosts with a key that no link uses: a rotation was interrupted before it staged them. */
  readonly spare: readonly string[];
}

/** What each member is in the tunnel, and which links are to move. */
export async function surveyLinks(context: ProcedureContext<RotationParams>): Promise<Survey> {
  const { inventory, selected } = context;
  const first = [...inventory.hosts.values()][0];
  const params = paramsFor(first, context.params.wireguard);
  const members = membersOf(inventory, params).map(({ host }) => host);
  const tunnels = new Map(
    members.map((name): [string, Tunnel] => {
      const host = inventory.hosts.get(name) as Host;
      return [name, tunnelOf(host, inventory, paramsFor(host, context.params.wireguard))];
    }),
  );
  const links = linksOf(tunnels).filter((hosts) => hosts.some((host) => selected.has(host)));
  const concerned = new Set(links.flat());
  const standing = new Map<string, Standing>();
  const looks = new Map<string, readonly string[]>();
  const absent = await readAll(context, concerned, params, standing, looks);
  const rotation = rotationOf(links, standing, absent, interfacesOf(params), {
    maxAge: secondsOf(context.params.maxAge) ?? 0,
    now: Math.floor(Date.now() / 1000),
    selected,
    compromised: new Set(context.params.compromised),
    onlyBegun: context.params.onlyBegun || context.params.abort,
  });
  if (rotation.moves.length > 0) refuseStrict(looks);
  const pending = [...rotation.pending, ...exposedDevices(context.params.compromised, standing)];
  const spare = [...standing].filter(([, { state }]) => unusedKeys(state).length > 0).map(([host]) => host);
  return { rotation: { ...rotation, pending }, standing, absent, tunnels, params, notices: masquerades(looks), spare };
}

/** Devices are given keys by a person: until then the gateway goes on with the one that is known. */
function exposedDevices(compromised: readonly string[], standing: ReadonlyMap<string, Standing>): string[] {
  return compromised.flatMap((host) =>
    [...(standing.get(host)?.state.links ?? [])]
      .filter(([, ends]) => ends.some(({ peerInterface }) => isDeviceInterface(peerInterface)))
      .map(([device]) => `${device} still uses the compromised key of ${host}: lab device rotate ${device}`),
  );
}

/** Pairs of hosts that have a link, each once. */
export function linksOf(tunnels: ReadonlyMap<string, Tunnel>): readonly (readonly [string, string])[] {
  const pairs = new Map<string, readonly [string, string]>();
  for (const [host, { peers }] of tunnels)
    for (const { name, isDevice } of peers)
      if (!isDevice && tunnels.has(name) && !pairs.has(`${name} ${host}`)) pairs.set(`${host} ${name}`, [host, name]);
  return [...pairs.values()];
}

async function readAll(
  context: ProcedureContext<RotationParams>,
  hosts: ReadonlySet<string>,
  params: Params,
  standing: Map<string, Standing>,
  looksOf: Map<string, readonly string[]>,
): Promise<ReadonlyMap<string, string>> {
  const all = interfacesOf(params);
  const answers = await context.read(hosts, async (facts) => {
    const [state, files, looks] = await Promise.all([
      readState({ params, facts }),
      Promise.all(all.map((name) => facts.file(publicKeyFile(name)))),
      onHost(facts, 'look', all),
    ]);
    const made = all.flatMap((name, index): [string, number][] => {
      const file = files[index];
      return file === undefined || file.kind === 'absent' ? [] : [[name, file.modified]];
    });
    return { state: stateOf(state ?? undefined), made: new Map(made), looks };
  });
  const absent = new Map<string, string>();
  for (const [host, answer] of answers) {
    if ('problem' in answer) {
      absent.set(host, answer.problem);
      continue;
    }
    const { state, made, looks } = answer.value;
    if (state.keys.size === 0) absent.set(host, 'it has no key yet: the role wireguard was not run there');
    else standing.set(host, { state, made });
    looksOf.set(host, looks);
  }
  return absent;
}

/** @throws LabError PLAN_IMPOSSIBLE */
function refuseStrict(looks: ReadonlyMap<string, readonly string[]>): void {
  for (const [host, lines] of looks) {
    const name = lines.find((line) => line.startsWith('strict '))?.slice(7);
    if (name === undefined) continue;
    throw new LabError('PLAN_IMPOSSIBLE', 'strict reverse path filtering would drop packets while keys change', {
      host,
      expected: 'rp_filter 2 (loose) or 0 on the interfaces of the tunnel',
      found: `net.ipv4.conf.${name}.rp_filter counts as 1`,
      hint: `run the playbook with the role wireguard, which sets it, or: sysctl net.ipv4.conf.${name}.rp_filter=2`,
    });
  }
}

function masquerades(looks: ReadonlyMap<string, readonly string[]>): string[] {
  return [...looks].flatMap(([host, lines]) =>
    lines
      .filter((line) => line.startsWith('masquerade '))
      .map(
        (line) =>
          `${host}: masquerade out of ${line.slice(11)} changes the address of open connections when the interface changes; "snat to" an address does not`,
      ),
  );
}
