import { type Notes, parseNotes, type SentProbe } from '../../../roles/firewall/verify/judge.ts';
import { areNeighbours, type Probe } from '../../../roles/firewall/verify/probes.ts';
import type { Inventory } from '../../model/types.ts';
import type { Session } from '../../remote/session.ts';
import { LabError } from '../../shared/errors.ts';
import { readRoleFile } from '../../shared/own-package.ts';
import { quoteAll } from '../../shared/quote.ts';

/** Seconds after which a host takes its notes away by itself: nobody may come for them. */
const notesSeconds = 600;
/** Of one command on a host: forty probes at a time, a second for those that nobody answers. */
const sendSeconds = 300;
const probesAtOnce = 200;

/** From now on the host notes what comes. */
export async function arm(session: Session): Promise<void> {
  await asked(session, 'arm', [String(notesSeconds)], armed);
}

/** What it noted; it stops doing so. */
export async function notesOf(session: Session): Promise<Notes> {
  const text = await asked(session, 'seen', []);
  await asked(session, 'disarm', []);
  return parseNotes(text);
}

/** What an answer has to hold, and what is wrong when it does not. */
interface Wanted {
  readonly word: string;
  readonly message: string;
  readonly expected: string;
  readonly hint: string;
}

const armed: Wanted = {
  word: 'armed',
  message: 'what comes to this host cannot be noted',
  expected: 'nft(8) on the host',
  hint: 'install nftables there, or run the playbook with the role firewall',
};
const sent: Wanted = {
  word: 'sent',
  message: 'this host cannot send what is to be tried',
  expected: 'bash, or nc',
  hint: 'install one of them there',
};

/** @throws LabError READ_FAILED when the answer is not what it should be */
async function asked(session: Session, command: string, words: readonly string[], wanted?: Wanted): Promise<string> {
  const argv = ['sh', '-c', readRoleFile('firewall/verify/observe.sh'), 'lab-verify', command, ...words];
  const frames = await session.request(`lab_run verify ${sendSeconds} ${quoteAll(argv)} 2>&1`);
  const { body, status } = frames.get('verify') ?? { body: Buffer.alloc(0), status: -1 };
  const output = body.toString();
  if (status !== 0) throw new LabError('READ_FAILED', `"${command}" failed with exit code ${status}`, { output });
  if (wanted === undefined || output.includes(wanted.word)) return output;
  const { message, expected, hint } = wanted;
  throw new LabError('READ_FAILED', message, { expected, found: output.trim(), hint });
}

/** Tries what can be tried from a host: nothing is sent where no route leads. */
export async function sendFrom(
  session: Session,
  probes: readonly Probe[],
  name: string,
  inventory: Inventory,
): Promise<SentProbe[]> {
  const destinations = [...new Set(probes.map(({ destination }) => destination))];
  const sources = new Map(
    (await asked(session, 'source', destinations)).split('\n').flatMap((line): [string, string][] => {
      const [word, destination, source] = line.split(' ');
      return word === 'source' && destination !== undefined && source !== undefined ? [[destination, source]] : [];
    }),
  );
  const routed = probes.filter(({ destination }) => sources.has(destination));
  for (let at = 0; at < routed.length; at += probesAtOnce)
    await asked(
      session,
      'send',
      routed
        .slice(at, at + probesAtOnce)
        .map(({ destination, protocol, port }) => `${protocol},${destination},${port}`),
      sent,
    );
  return routed.map((probe): SentProbe => {
    const source = sources.get(probe.destination) as string;
    return { ...probe, from: name, source: areNeighbours(source, probe.destination, inventory) ? source : null };
  });
}
