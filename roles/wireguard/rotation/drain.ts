import type { ProcedureContext } from '../../../src/playbook/procedure.ts';
import { secondsOf } from '../params.ts';
import type { TunnelState } from '../state.ts';
import type { Moves } from './moves.ts';
import { onHost } from './on-host.ts';
import type { RotationParams } from './rotate-keys.ts';
import type { Survey } from './survey.ts';

const lookSeconds = 5;
/** More than handshakes and keepalives of a session that nobody uses come to in that time. */
const idleBytes = 1024;
const patienceSeconds = 60;

/** Waits as long as asked, and until nothing but keepalives comes by the old interfaces. */
export async function drain(
  context: ProcedureContext<RotationParams>,
  _: Survey,
  moves: Moves,
  say: (line: string) => void,
): Promise<string> {
  const states = await moves.states();
  const olds = oldEnds(states, moves);
  if ([...olds.values()].every((words) => words.length === 0)) return 'nothing is left on old interfaces';
  const seconds = secondsOf(context.params.drain) ?? 0;
  say(`waiting ${context.params.drain} for what is on its way by the old keys`);
  await context.sleep(Math.max(0, seconds - lookSeconds) * 1000);
  for (let waited = 0; waited < patienceSeconds; waited += lookSeconds) {
    const before = await counters(context, olds);
    await context.sleep(lookSeconds * 1000);
    const after = await counters(context, olds);
    const busy = [...after].find(([end, bytes]) => bytes - (before.get(end) ?? bytes) > idleBytes);
    if (context.stop.aborted) return 'cut short: old keys still take what is on its way';
    if (busy === undefined) return 'nothing comes by the old interfaces any more';
    say(`${busy[0].split(' ').slice(0, 2).join(' ')} is still in use`);
  }
  return 'something still comes by an old interface; it takes the new way from now on';
}

/** Host → interface and key of the peer, for every end that drains. */
function oldEnds(states: ReadonlyMap<string, TunnelState>, moves: Moves): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...states].map(([host, { links }]) => [
      host,
      moves.all
        .filter(({ hosts }) => hosts.includes(host))
        .flatMap(({ hosts: [a, b] }) => {
          const peer = a === host ? b : a;
          return (links.get(peer) ?? [])
            .filter(({ phase }) => phase === 'draining')
            .flatMap((end) => [end.interface, states.get(peer)?.keys.get(end.peerInterface) ?? '']);
        }),
    ]),
  );
}

async function counters(
  context: ProcedureContext<RotationParams>,
  olds: ReadonlyMap<string, readonly string[]>,
): Promise<ReadonlyMap<string, number>> {
  const answers = await context.read(
    [...olds].filter(([, words]) => words.length > 0).map(([host]) => host),
    (facts, host) => onHost(facts, 'counters', olds.get(host.name) ?? []),
  );
  const bytes = new Map<string, number>();
  for (const [host, answer] of answers) {
    if ('problem' in answer) continue;
    for (const line of answer.value) {
      const [interfaceName, key, received, sent] = line.split(' ');
      bytes.set(`${host} ${interfaceName} ${key}`, Number(received) + Number(sent));
    }
  }
  return bytes;
}
