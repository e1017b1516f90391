import { LabError } from '../../../src/index.ts';
import type { ProcedureContext, ProcedurePlan, ProcedureStep } from '../../../src/playbook/procedure.ts';
import { Canaries } from './canaries.ts';
import { drain } from './drain.ts';
import { type Move, progressOf } from './due.ts';
import { linkName, Moves } from './moves.ts';
import { type Phase, phaseOf } from './phases.ts';
import { prove } from './prove.ts';
import type { RotationParams } from './rotate-keys.ts';
import type { Survey } from './survey.ts';

type Context = ProcedureContext<RotationParams>;

/** The steps that bring every link that is due to new keys; see docs/wireguard.md. */
export function rotationSteps(context: Context, survey: Survey): ProcedurePlan {
  const { params, say } = context;
  const { rotation, notices } = survey;
  const moves = new Moves(context, survey);
  const canaries = new Canaries(context, survey);
  const findings = [...rotation.moves.map((move) => `${linkName(move)}: ${move.reason}`), ...notices];
  const count = () => `${moves.all.length} ${moves.all.length === 1 ? 'link' : 'links'}`;
  const phase = (name: Phase, hosts: readonly string[]) => moves.apply(name, hosts, useOf(context));
  const changed = () => moves.hosts();
  const steps: ProcedureStep[] = [
    {
      name: 'make keys',
      will: `${hostList(changed())} each make a key for ${targetsText(moves)}`,
      async run() {
        await phase('key', changed());
        return hostList(changed());
      },
      undo: () => moves.unstage(useOf(context)),
    },
    {
      name: 'stage',
      will: 'bring up a second interface with it beside the one in use; nothing is sent by it yet',
      async run() {
        await phase('stage', changed());
        return `${count()} stand twice`;
      },
    },
    {
      name: 'prove',
      will: 'send packets of full size through each new link, in both directions',
      run: () => prove(context, survey, moves),
    },
    {
      name: 'cut over',
      will: `move the routes, behind the guard: ${hostList(moves.spokes())}${moves.gateways().length > 0 ? `, then ${hostList(moves.gateways())}` : ''}`,
      async run() {
        await canaries.start(moves.all);
        await phase('cut over', moves.spokes());
        await phase('cut over', moves.gateways());
        return hostList(changed());
      },
      async undo() {
        await canaries.end();
        return moves.goBack(useOf(context));
      },
    },
    {
      name: 'confirm',
      will: 'see that what was sent during the change arrived',
      run: () => canaries.confirm(moves),
    },
    {
      name: 'drain',
      will: isCompromised(params)
        ? 'not wait for what is on its way: a key is compromised'
        : `wait ${params.drain} and until nothing comes by the old interfaces any more`,
      final: true,
      run: async () => (isCompromised(params) ? 'left out: a key is compromised' : drain(context, survey, moves, say)),
    },
    {
      name: 'retire',
      will: 'take the old interfaces down and destroy their keys',
      final: true,
      async run() {
        await moves.retire(useOf(context));
        return `old keys destroyed on ${hostList(changed())}`;
      },
    },
  ];
  const outcome = () => (moves.all.length === 1 ? '1 link has new keys' : `${moves.all.length} links have new keys`);
  if (rotation.moves.length > 0) return { findings, steps, pending: moves.pending, outcome };
  const unused = params.onlyBegun ? discardSteps(context, survey, moves) : [];
  return { findings, steps: unused, pending: moves.pending };
}

/** Keys that were made for a rotation which came no further are of no use: another one makes its own. */
function discardSteps(context: Context, { spare }: Survey, moves: Moves): ProcedureStep[] {
  if (spare.length === 0) return [];
  const will = `destroy keys that no link uses: ${hostList(spare)}`;
  return [{ name: 'discard', will, run: () => moves.unstage(useOf(context)) }];
}

/** Takes back what an interrupted rotation began. */
export function abortSteps(context: Context, survey: Survey): ProcedurePlan {
  const { rotation, standing } = survey;
  const finished = rotation.moves.find((move) =>
    move.hosts.some((host) => {
      const one = standing.get(host);
      return one !== undefined && progressOf(host, move, one.state) === 'drained';
    }),
  );
  if (finished !== undefined)
    throw new LabError('ROLLBACK_REFUSED', `the rotation of ${linkName(finished)} has destroyed an old key already`, {
      expected: 'old keys at both ends',
      found: 'new ones only at one end',
      hint: 'lab resume finishes it',
    });
  const moves = new Moves(context, survey);
  const canaries = new Canaries(context, survey);
  const steps: ProcedureStep[] = [
    {
      name: 'go back',
      will: `route by the old keys again: ${hostList(moves.hosts())}`,
      async run() {
        await canaries.end(moves.hosts());
        return moves.goBack(useOf(context));
      },
    },
    {
      name: 'unstage',
      will: 'take the new interfaces down and destroy their keys',
      run: () => moves.unstage(useOf(context)),
    },
  ];
  const findings = rotation.moves.map((move) => `${linkName(move)}: ${move.reason}`);
  const all = rotation.moves.length > 0 ? steps : discardSteps(context, survey, moves);
  return { findings, steps: all, pending: moves.pending };
}

function useOf({ params }: Context) {
  return (phase: Phase, moves: readonly Move[]) => phaseOf(phase, moves, params.wireguard);
}

function isCompromised({ compromised }: RotationParams): boolean {
  return compromised.length > 0;
}

function targetsText(moves: Moves): string {
  const names = new Set(moves.all.flatMap(({ target }) => [...target.values()]));
  return [...names].sort().join(', ');
}

export function hostList(hosts: readonly string[]): string {
  return hosts.length > 6 ? `${hosts.length} hosts` : hosts.join(', ') || 'nobody';
}
