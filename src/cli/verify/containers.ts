import { params } from '../../../roles/containers/params.ts';
import { risksOf } from '../../../roles/containers/risks.ts';
import type { Host } from '../../model/types.ts';
import type { Session } from '../../remote/session.ts';
import {
  type ContainerRecord,
  type ContainersOfHost,
  containerLines,
  containerProblems,
} from '../../report/container-table.ts';
import { count } from '../../report/describe.ts';
import { exitCodeFor, unlookedOf, unlookedRecord, type Verification } from '../../report/verify/verification.ts';
import { LabError } from '../../shared/errors.ts';
import { quote } from '../../shared/quote.ts';
import type { KeptHosts } from '../kept-hosts.ts';

/** The running containers of each engine that is there. */
const inspect = `for engine in docker podman; do
  command -v "$engine" >/dev/null || continue
  names=$("$engine" ps -q) || exit 1
  printf 'engine %s %s\\n' "$engine" "$(printf '%s' "$names" | grep -c .)"
  [ -z "$names" ] || "$engine" inspect $names 2>/dev/null | tr -d '\\n'
  echo
done`;

/** `lab verify containers` */
export async function verifyContainers(hosts: KeptHosts): Promise<Verification<ContainerRecord>> {
  const checkedAt = new Date().toISOString();
  const outcomes = await hosts.on(hosts.targets, look);
  const found = outcomes.flatMap(({ value }) => value ?? []);
  const unlooked = unlookedOf(outcomes);
  const problems = containerProblems(found);
  const running = found.reduce((sum, one) => sum + one.running, 0);
  return {
    checkedAt,
    exitCode: exitCodeFor(problems, unlooked),
    summary: `${count(running, 'container')} on ${count(found.length, 'host')}, ${count(problems.length, 'risk')}`,
    problems,
    unlooked,
    hosts: found.map(({ host }) => host),
    found: { hosts: found, errors: unlooked.map(unlookedRecord) },
    lines: containerLines(found),
  };
}

async function look(session: Session, host: Host): Promise<ContainersOfHost> {
  const frames = await session.request(`lab_run containers 120 sh -c ${quote(inspect)} 2>&1`);
  const { body, status } = frames.get('containers') ?? { body: Buffer.alloc(0), status: -1 };
  const text = body.toString();
  const failed = (output: string) =>
    new LabError('READ_FAILED', 'the containers of this host cannot be read', {
      host: host.name,
      output,
      hint: 'does "docker ps" work there?',
    });
  if (status !== 0) throw failed(text);
  const accepted = acceptedOn(host);
  const engines: string[] = [];
  const risks: ContainersOfHost['risks'][number][] = [];
  let running = 0;
  let unread = 0;
  for (const line of text.split('\n')) {
    const [, engine, count] = /^engine (\S+) (\d+)$/.exec(line) ?? [];
    if (engine !== undefined) {
      engines.push(engine);
      running += Number(count);
      if (count !== '0') unread++;
    } else if (line.startsWith('['))
      try {
        unread--;
        for (const risk of risksOf(line))
          risks.push({ ...risk, accepted: accepted[risk.container]?.includes(risk.kind) === true });
      } catch (error) {
        throw failed((error as Error).message);
      }
  }
  // What was not read is not without risks.
  if (unread > 0) throw failed(text);
  return { host: host.name, running, engines, risks };
}

/** What the inventory accepts; what is wrong with other parameters is told by the role. */
function acceptedOn({ params: given }: Host): Readonly<Record<string, readonly string[]>> {
  const parsed = params.shape.accepted.safeParse(given.get('containers')?.accepted);
  return parsed.success ? parsed.data : {};
}
