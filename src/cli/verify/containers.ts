import { params } from '../../../roles/containers/params.ts';
import { type Risk, risksOf } from '../../../roles/containers/risks.ts';
import { selectHosts } from '../../model/select-hosts.ts';
import type { Host } from '../../model/types.ts';
import type { Session } from '../../remote/session.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { tableLines } from '../../report/table.ts';
import { visibleLine } from '../../report/visible.ts';
import { type ExitCode, exitCodes, LabError } from '../../shared/errors.ts';
import { quote } from '../../shared/quote.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import { printError } from '../print-error.ts';
import type { VerifyOptions } from '../verify.ts';

/** The running containers of each engine that is there. */
const inspect = `for engine in docker podman; do
  command -v "$engine" >/dev/null || continue
  names=$("$engine" ps -q) || exit 1
  printf 'engine %s %s\\n' "$engine" "$(printf '%s' "$names" | grep -c .)"
  [ -z "$names" ] || "$engine" inspect $names 2>/dev/null | tr -d '\\n'
  echo
done`;

interface Found {
  readonly host: string;
  readonly running: number;
  readonly engines: readonly string[];
  readonly risks: readonly (Risk & { readonly accepted: boolean })[];
}

/** `lab verify containers` */
export async function verifyContainers(options: VerifyOptions): Promise<ExitCode> {
  const { inventory } = await inventoryOf(options.inventory);
  const hosts = selectHosts(inventory, options.limit.length > 0 ? options.limit : ['all']);
  if (hosts.length === 0)
    throw new LabError('HOST_PATTERN', 'no host is left to look at', { found: options.limit.join(',') });
  const checkedAt = new Date().toISOString();
  const outcomes = await onHosts([hosts.map(({ name }) => name).join(',')], options, look);
  const found = outcomes.flatMap(({ value }) => value ?? []);
  const errors = outcomes.flatMap(({ host, error }) => (error === undefined ? [] : [{ host: host.name, error }]));
  const isRisky = found.some(({ risks }) => risks.some(({ accepted }) => !accepted));
  const unasked = errors.length > 0 ? exitCodes.hostUnreachable : exitCodes.asDeclared;
  const exitCode = isRisky ? exitCodes.hostFailed : unasked;
  if (options.output === 'json') {
    const failed = errors.map(({ host, error: { code, message } }) => ({ host, code, message }));
    process.stdout.write(`${jsonLine({ version: 1, checkedAt, exitCode, hosts: found, errors: failed })}\n`);
  } else process.stdout.write(`${lines(found).join('\n')}\n`);
  for (const { error } of errors) printError(error);
  return exitCode;
}

async function look(session: Session, host: Host): Promise<Found> {
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
  const risks: Found['risks'][number][] = [];
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

function lines(found: readonly Found[]): string[] {
  const table = tableLines(
    ['HOST', 'ENGINE', 'RUNNING', 'RISKS'],
    found.map(({ host, engines, running, risks }) => {
      const accepted = risks.filter((risk) => risk.accepted).length;
      const shown = accepted === 0 ? '' : ` (${accepted} accepted)`;
      return [host, engines.join(', ') || 'none', String(running), `${risks.length - accepted}${shown}`];
    }),
  );
  const told = found.flatMap(({ host, risks }) =>
    risks
      .filter(({ accepted }) => !accepted)
      .map(({ container, kind, detail }) => visibleLine(`${kind}: ${container} on ${host} ${detail}`)),
  );
  return [...table, '', ...(told.length === 0 ? ['no container has more than it should'] : told)];
}
