import { LabError } from '../../../src/index.ts';
import type { ProcedureContext } from '../../../src/playbook/procedure.ts';
import { portOf } from '../params.ts';
import { linkLocalOf } from '../probe-address.ts';
import type { Move } from './due.ts';
import { linkName, type Moves } from './moves.ts';
import { onHost } from './on-host.ts';
import type { RotationParams } from './rotate-keys.ts';
import type { Survey } from './survey.ts';

/**
 * Sends packets of full size through each new link, by its interface alone, and waits for the answers: both ends have then made
 * a handshake with the new keys.
 *
 * @throws LabError STEP_FAILED with the links that do not carry packets
 */
export async function prove(context: ProcedureContext<RotationParams>, survey: Survey, moves: Moves): Promise<string> {
  const states = await moves.states();
  for (const host of moves.hosts()) if (!states.has(host)) moves.leave(host, 'was lost before its new keys were tried');
  const probes = moves.all.map((move) => {
    const [from, to] = moves.diallerOf(move);
    return { move, from, to, key: states.get(to)?.keys.get(move.target.get(to) ?? '') ?? '' };
  });
  const answers = await context.read(new Set(probes.map(({ from }) => from)), async (facts, host) =>
    onHost(
      facts,
      'prove',
      [
        String(survey.params.mtu),
        ...probes
          .filter(({ from }) => from === host.name)
          .flatMap(({ move, from, to, key }) => [
            move.target.get(from) ?? '',
            key,
            linkLocalOf(to),
            insideAddress(survey, to),
          ]),
      ],
      600,
    ),
  );
  const mute: { readonly move: Move; readonly from: string; readonly to: string }[] = [];
  for (const { move, from, to, key } of probes) {
    const answer = answers.get(from);
    if (answer === undefined || 'problem' in answer) {
      moves.leave(from, 'was lost while its new keys were tried');
      continue;
    }
    const line = answer.value.find((one) => one.split(' ')[1] === key && one.startsWith(`${move.target.get(from)} `));
    if (line === undefined || line.split(' ')[2] === 'none') mute.push({ move, from, to });
  }
  // A host that has gone down meanwhile is no reason to take everything back.
  const there = await moves.states(new Set(mute.map(({ to }) => to)));
  const [first] = mute.filter(({ move, to }) => {
    if (!there.has(to)) moves.leave(to, 'was lost while its new keys were tried');
    return there.has(to) && moves.all.includes(move);
  });
  if (first !== undefined) {
    const port = portOf(survey.params, first.move.target.get(first.to) ?? '');
    throw new LabError('STEP_FAILED', `the new link ${linkName(first.move)} carries no packets`, {
      host: first.from,
      expected: `an answer from ${first.to} to packets of ${survey.params.mtu} bytes over UDP port ${port}`,
      found: 'none within 20 seconds',
      hint: `is UDP port ${port} of ${first.to} open, also at its provider? Rotations use ports ${survey.params.port} to ${survey.params.port + 3}`,
    });
  }
  if (moves.all.length === 0) throw new LabError('UNREACHABLE', 'no link is left in the rotation');
  return `${moves.all.length} ${moves.all.length === 1 ? 'link carries' : 'links carry'} packets of ${survey.params.mtu} bytes`;
}

export function insideAddress({ tunnels }: Survey, host: string): string {
  const addresses = tunnels.get(host)?.addresses ?? [];
  return addresses.find((address) => !address.includes(':')) ?? addresses[0] ?? '';
}
