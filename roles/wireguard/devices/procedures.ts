import { type Inventory, LabError, z } from '../../../src/index.ts';
import {
  defineProcedure,
  type Procedure,
  type ProcedureContext,
  type ProcedureStep,
} from '../../../src/playbook/procedure.ts';
import { changedTunnel } from '../changed-tunnel.ts';
import { type NewPresharedKey, newPresharedKey } from '../links.ts';
import { activeEnd, type LinkEnd, stateOf, type TunnelState } from '../state.ts';
import { readLinks } from '../status/reading.ts';
import { readState, type Transition } from '../tunnel.ts';
import { type DeviceLink, interfaceForDevice, interfaceToMoveTo, otherKeyPair } from './device-link.ts';
import { type KeyPair, newKeyPair } from './key-pair.ts';

type Context = ProcedureContext<unknown>;
const noParams = z.strictObject({});

/** What a device is given, once. */
export interface Admission {
  readonly pair: KeyPair;
  readonly presharedKey: NewPresharedKey;
  /** Name of the key pair. */
  readonly keyName: string;
  readonly interfaceName: string;
  readonly gatewayKey: string;
}

/** Who does what with what comes of it. */
export interface DeviceHandlers {
  /** The gateway knows the device: it can be given its keys. What is thrown takes the gateway's part back. */
  admitted(admission: Admission): Promise<void>;
}

/** `lab device add`: the gateway first, then the device. */
export function addDevice(inventory: Inventory, link: DeviceLink, { admitted }: DeviceHandlers): Procedure {
  return procedure(`device add ${link.device}`, inventory, async (context) => {
    const state = await stateOfGateway(context, link);
    refuseKnown(link, state);
    const draft = newAdmission('device', interfaceForDevice(state, link.params.interface));
    const ends = (): readonly LinkEnd[] => [endOf(draft, 'active')];
    const step: ProcedureStep = {
      name: 'admit',
      will: `${link.gateway} lets ${link.device} in by ${draft.interfaceName}`,
      async run() {
        await change(context, link, 'admit', withEnds(link, ends, [draft]));
        await admitted(await complete(context, link, draft));
        return `${link.gateway} lets ${link.device} in by ${draft.interfaceName}`;
      },
      async undo() {
        await change(context, link, 'take back', { ...withEnds(link, () => [], []), final: true });
        return `${link.gateway} does not know ${link.device}`;
      },
    };
    return {
      findings: [],
      steps: [step],
      pending: [],
      outcome: () => `${link.device} is in the tunnel`,
      afterwards: `lab device revoke ${link.device} takes back what was begun`,
    };
  });
}

/** The lock file may be older than what the gateway knows: keys that are in use are not replaced by the way. */
function refuseKnown({ device, gateway }: DeviceLink, { links }: TunnelState): void {
  const end = activeEnd(links.get(device));
  if (end === undefined) return;
  throw new LabError('USAGE', `${gateway} lets ${device} in already, with keys that the lock file does not have`, {
    host: gateway,
    found: `a peer with the public key ${end.peerKey ?? '(unknown)'} on ${end.interface}`,
    hint: `bring the lock file up to date; or take the device out first: lab device revoke ${device}`,
  });
}

/** A gateway that may let a device in. */
export type DeviceGateway = Pick<DeviceLink, 'gateway' | 'params'>;

/**
 * `lab device revoke`: the gateway forgets it, and its preshared key is destroyed. So does any other gateway that devices
 * dialled before; one that cannot be asked is told as pending.
 *
 * @param gateways the one that devices dial comes first
 */
export function revokeDevice(inventory: Inventory, device: string, gateways: readonly DeviceGateway[]): Procedure {
  return procedure(`device revoke ${device}`, inventory, async (context) => {
    const holders: DeviceGateway[] = [];
    const pending: string[] = [];
    for (const [index, one] of gateways.entries()) {
      const state = await stateOfGateway(context, one).catch((thrown: unknown) => {
        if (index === 0 || !(thrown instanceof LabError)) throw thrown;
        if (thrown.code === 'UNREACHABLE')
          pending.push(`${one.gateway} does not answer, and may let ${device} in: revoke it again when it does`);
        return undefined;
      });
      if (index === 0 || state?.links.has(device)) holders.push(one);
    }
    const steps = holders.map((one): ProcedureStep => {
      const link = { ...one, device };
      return {
        name: 'revoke',
        will: `${one.gateway} forgets ${device}, and destroys its preshared key`,
        final: true,
        async run() {
          await change(context, link, 'revoke', { ...withEnds(link, () => [], []), final: true });
          return `${one.gateway} does not let ${device} in any more`;
        },
      };
    });
    return {
      findings: [],
      steps,
      pending,
      outcome: () => `${device} is out of the tunnel`,
      afterwards: `lab device revoke ${device} goes on`,
    };
  });
}

export interface RotateDevice extends DeviceHandlers {
  /** New keys are going to be made: what could not take them throws now. */
  expected(): Promise<void>;
  /** Seconds to wait for the device to use its new keys. */
  readonly waitSeconds: number;
  /** Take new keys back that the device has not used yet. */
  readonly abort: boolean;
  /** The device uses its new key pair alone. */
  moved(keyName: string): Promise<void>;
}

/**
 * `lab device rotate`: a second interface of the gateway with new keys beside the one in use; when the device has made its
 * first handshake there, the route moves and the old keys are destroyed.
 */
export function rotateDevice(inventory: Inventory, link: DeviceLink, options: RotateDevice): Procedure {
  return procedure(`device rotate ${link.device}`, inventory, async (context) => {
    const state = await stateOfGateway(context, link);
    const ends = state.links.get(link.device) ?? [];
    const active = activeEnd(ends);
    const staged = ends.find(({ phase }) => phase === 'staged');
    if (active === undefined)
      throw new LabError('USAGE', `${link.device} has no keys that could be rotated`, {
        host: link.gateway,
        hint: `lab device add ${link.device}`,
      });
    if (options.abort) return abortPlan(context, link, active, staged);
    if (staged === undefined) await options.expected();
    const draft = staged === undefined ? newAdmission(otherKeyPair(active), interfaceToMoveTo(link, state)) : undefined;
    const target = staged ?? endOf(draft as Admission, 'staged');
    const steps: ProcedureStep[] = [
      ...(draft === undefined ? [] : [admitStep(context, link, active, draft, options)]),
      waitStep(context, link, target, options.waitSeconds),
      {
        name: 'move',
        will: 'send by the new keys, and destroy the old ones',
        final: true,
        async run() {
          const only = (): readonly LinkEnd[] => [{ ...target, phase: 'active' }];
          await change(context, link, 'move', { ...withEnds(link, only, []), final: true });
          await options.moved(target.peerInterface);
          return `the old keys of ${link.device} open nothing any more`;
        },
      },
    ];
    const findings =
      staged === undefined ? [] : [`${link.device} was given new keys before, and has not used them yet`];
    return {
      findings,
      steps,
      pending: [],
      outcome: () => `${link.device} has new keys`,
      afterwards: `lab device rotate ${link.device} goes on, with --abort takes the new keys back`,
    };
  });
}

function admitStep(
  context: Context,
  link: DeviceLink,
  active: LinkEnd,
  draft: Draft,
  { admitted }: DeviceHandlers,
): ProcedureStep {
  const { device, gateway } = link;
  return {
    name: 'admit',
    will: `${gateway} also lets ${device} in by ${draft.interfaceName}, with new keys`,
    async run() {
      const both = (): readonly LinkEnd[] => [active, endOf(draft, 'staged')];
      await change(context, link, 'admit', { ...withEnds(link, both, [draft]), added: [draft.interfaceName] });
      try {
        await admitted(await complete(context, link, draft));
      } catch (thrown) {
        await change(context, link, 'take back', { ...withEnds(link, () => [active], []), final: true });
        throw thrown;
      }
      return `${gateway} lets ${device} in by ${draft.interfaceName} as well`;
    },
    // The device has its keys: another run waits for them.
    final: true,
  };
}

const pollMilliseconds = 3000;

function waitStep(context: Context, link: DeviceLink, target: LinkEnd, seconds: number): ProcedureStep {
  return {
    name: 'wait',
    will: `until ${link.device} uses its new keys, at most ${seconds} s`,
    final: true,
    async run() {
      context.say(`waiting for ${link.device} to come with its new keys`);
      for (let waited = 0; ; waited += pollMilliseconds) {
        const answers = await context.read([link.gateway], (facts) => readLinks(facts, link.params));
        const answer = answers.get(link.gateway);
        const peer =
          answer !== undefined && 'value' in answer
            ? answer.value.peers.get(`${target.interface} ${target.peerKey}`)
            : undefined;
        if (peer !== undefined && peer.handshake > 0)
          return `${link.device} has come from ${peer.endpoint ?? 'somewhere'}`;
        if (waited >= seconds * 1000 || context.stop.aborted) break;
        await context.sleep(pollMilliseconds);
      }
      throw new LabError('UNREACHABLE', `${link.device} has not used its new keys yet`, {
        hint: `its old ones still work; load the new configuration, and go on: lab device rotate ${link.device}`,
      });
    },
  };
}

function abortPlan(context: Context, link: DeviceLink, active: LinkEnd, staged: LinkEnd | undefined) {
  if (staged === undefined) return { findings: [], steps: [], pending: [] };
  const step: ProcedureStep = {
    name: 'take back',
    will: `destroy the new keys of ${link.device}`,
    final: true,
    async run() {
      await change(context, link, 'take back', { ...withEnds(link, () => [active], []), final: true });
      return `${link.device} keeps the keys that it has`;
    },
  };
  return { findings: [], steps: [step], pending: [] };
}

type Draft = Omit<Admission, 'gatewayKey'>;

function newAdmission(keyName: string, interfaceName: string): Draft {
  return { pair: newKeyPair(), presharedKey: newPresharedKey(), keyName, interfaceName };
}

function endOf({ pair, presharedKey, keyName, interfaceName }: Draft, phase: LinkEnd['phase']): LinkEnd {
  return {
    interface: interfaceName,
    peerInterface: keyName,
    presharedKey: presharedKey.fingerprint,
    phase,
    peerKey: pair.publicKey,
  };
}

async function complete(context: Context, link: DeviceLink, draft: Draft): Promise<Admission> {
  const gatewayKey = (await stateOfGateway(context, link)).keys.get(draft.interfaceName);
  if (gatewayKey !== undefined) return { ...draft, gatewayKey };
  throw new LabError('STEP_FAILED', `${link.gateway} has no key for ${draft.interfaceName}`, { host: link.gateway });
}

function withEnds(
  { device }: Pick<DeviceLink, 'device'>,
  ends: () => readonly LinkEnd[],
  drafts: readonly Draft[],
): Transition {
  return {
    added: [],
    onlyKeys: false,
    links: ({ links }) => {
      const others = [...links].filter(([peer]) => peer !== device);
      return new Map(ends().length === 0 ? others : [...others, [device, ends()]]);
    },
    final: false,
    presharedKeys: new Map(drafts.map((draft) => [`${device} ${draft.interfaceName}`, draft.presharedKey])),
  };
}

/** @throws LabError with what happened on the gateway */
async function change(
  context: Context,
  { gateway }: Pick<DeviceLink, 'gateway'>,
  step: string,
  transition: Transition,
): Promise<void> {
  const outcome = (
    await context.apply(
      step,
      [gateway],
      changedTunnel(() => transition, {}),
    )
  ).get(gateway);
  if (outcome?.status === 'ok' || outcome?.status === 'changed') return;
  const code =
    outcome?.status === 'unreachable'
      ? 'UNREACHABLE'
      : outcome?.status === 'reverted'
        ? 'GUARD_REVERTED'
        : 'STEP_FAILED';
  throw new LabError(code, `${gateway} could not be changed`, { host: gateway, output: outcome?.message });
}

async function stateOfGateway(
  context: Context,
  { gateway, params }: Pick<DeviceLink, 'gateway' | 'params'>,
): Promise<TunnelState> {
  const answer = (await context.read([gateway], (facts) => readState({ params, facts }))).get(gateway);
  if (answer === undefined || 'problem' in answer)
    throw new LabError('UNREACHABLE', `${gateway} has to be changed first, and does not answer`, {
      host: gateway,
      found: answer?.problem,
    });
  const state = stateOf(answer.value ?? undefined);
  if (state.keys.size > 0) return state;
  throw new LabError('PLAN_IMPOSSIBLE', `${gateway} has no tunnel yet`, {
    host: gateway,
    hint: 'run the playbook with the role wireguard first',
  });
}

function procedure(name: string, inventory: Inventory, prepare: Procedure['prepare']): Procedure {
  return defineProcedure({
    name,
    inventory,
    params: noParams,
    given: {},
    prepare,
    at: undefined,
  }) as unknown as Procedure;
}
