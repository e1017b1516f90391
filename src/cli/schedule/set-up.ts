import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { lockFilePath, projectRoot } from '../../model/project-root.ts';
import { selectHosts } from '../../model/select-hosts.ts';
import type { Host } from '../../model/types.ts';
import type { Playbook } from '../../playbook/contract.ts';
import type { Procedure } from '../../playbook/procedure.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import type { Session } from '../../remote/session.ts';
import { visible } from '../../report/visible.ts';
import { paramsOf } from '../../runner/procedure.ts';
import { type Job, jobName, placesOf } from '../../schedule/job.ts';
import { readJobs } from '../../schedule/jobs.ts';
import { lookAtControl } from '../../schedule/look.ts';
import { jobRole } from '../../schedule/role.ts';
import { tryCommand } from '../../schedule/units.ts';
import { type ExitCode, exitCodes, LabError } from '../../shared/errors.ts';
import { keepAssigned } from '../assigned-addresses.ts';
import { reachHosts } from '../endpoints.ts';
import { lockOf } from '../host-keys.ts';
import { loadChecked, refuseGiven } from '../run-playbook.ts';
import type { ScheduleOptions } from '../schedule.ts';
import { accessOf } from './access.ts';
import { controlOf, onHost } from './control.ts';
import { deliveryOf, notifyOf } from './deliver.ts';
import { runRole } from './run-role.ts';
import { runWordsOf } from './run-words.ts';

const rehearsalSeconds = 630;

/** `lab schedule PLAYBOOK`: looks whether the control host is fit, sets the job up by a run, and has it tried there. */
export async function schedulePlaybook(
  name: string,
  words: readonly string[],
  options: ScheduleOptions,
): Promise<ExitCode> {
  const notify = notifyOf(options);
  const run = runWordsOf(words);
  checkOptions(options);
  const { playbook, file } = await loadChecked(name, process.cwd(), options.typeCheck);
  if (playbook.kind === 'procedure') paramsOf(playbook, run.given);
  else refuseGiven(name, run.given);
  const { inventory } = playbook;
  const inventoryFile = resolve(inventory.source?.file ?? file);
  const root = inventory.source === undefined ? process.cwd() : projectRoot(inventoryFile);
  const control = controlOf(inventory, options.on);
  const lock = await lockOf(inventory, file);
  const lockFile = lockFilePath(inventoryFile);
  const touched = hostsOf(playbook, run.limit);
  if (touched.length === 0) throw new LabError('HOST_PATTERN', 'the job would have no host to work on');
  const { logins, rights } = await accessOf(touched, inventory, lock);
  // What is assigned is taken along, so that the job assigns nothing else.
  if (options.check !== true) await keepAssigned(inventory, lock);
  const reach = await reachHosts(inventory, file, { accept: options.acceptNewHostKeys === true });
  const title = jobName(name, options.name);
  const { calendar, delay, notifyCommand } = options;
  const seen = await onHost(control.host, reach, (session) =>
    lookAtControl(session, { name: title, calendar, delay, notifyCommand, lockFile: relative(root, lockFile) }),
  );
  const job: Job = {
    version: 1,
    name: title,
    control: control.name,
    playbook: insideOf(root, file),
    options: [...run.words],
    calendar,
    delay,
    logins,
    node: seen.node,
    ...(notify !== undefined && { notify }),
  };
  const folder = await mkdtemp(join(tmpdir(), 'lab-schedule-'));
  try {
    const delivery = await deliveryOf(job, rights, control, seen, { root, lockFile, folder }, options);
    const others = [...Object.keys(logins), ...delivery.formerLogins.keys()].flatMap(
      (one) => inventory.hosts.get(one) ?? [],
    );
    const hosts: Host[] = [control.host, ...others.filter((host) => host.name !== control.host.name)];
    const role = jobRole(delivery, control.host.name);
    // A file that the project has no more goes from the control host as well.
    const { exitCode } = await runRole(`schedule ${title}`, role, hosts, inventory, reach, { ...options, prune: true });
    if (exitCode !== exitCodes.asDeclared) return exitCode;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (options.check === true) return exitCodes.asDeclared;
  const next = await onHost(control.host, reach, (session) =>
    tryOut(session, job, dirname(lockFileOn(job, root, lockFile))),
  );
  if (options.output !== 'json') {
    const reached = Object.keys(logins).join(', ');
    process.stdout.write(
      `\n${title} runs on ${control.name}, next at ${next ?? 'no time'}; it gets through to ${reached}\n`,
    );
  }
  return exitCodes.asDeclared;
}

/** What needs no host to be wrong. */
function checkOptions({ calendar, delay, from }: ScheduleOptions): void {
  if (!/^[A-Za-z0-9*:.,/~ +_-]+$/.test(calendar) || calendar.startsWith('-')) {
    throw new LabError('USAGE', '--calendar is no time that systemd knows', {
      expected: 'a time as in systemd.time(7): weekly, "Mon *-*-* 04:30"',
      found: calendar,
    });
  }
  if (!/^\d[\dA-Za-z. ]*$/.test(delay))
    throw new LabError('USAGE', '--delay is no time span', { expected: '1h, 30min, 0', found: delay });
  for (const address of from) {
    if (/^[A-Za-z0-9*?][A-Za-z0-9.:*?/-]*$/.test(address)) continue;
    throw new LabError('USAGE', '--from holds no address', {
      expected: 'addresses, prefixes or patterns as "from" of sshd(8) takes them: 203.0.113.7,2001:db8::/64',
      found: address,
    });
  }
}

/** A procedure may read all its hosts, whichever of them it is limited to: a key has two ends. */
function hostsOf(playbook: Playbook | Procedure, limit: readonly string[]): readonly Host[] {
  const { inventory } = playbook;
  if (playbook.kind === 'procedure') {
    const names = new Set(playbook.hosts?.() ?? inventory.hosts.keys());
    return [...inventory.hosts.values()].filter(({ name }) => names.has(name));
  }
  const played = new Set(playbook.plays.flatMap((play) => selectHosts(inventory, play.hosts).map(({ name }) => name)));
  return selectHosts(inventory, limit.length > 0 ? limit : ['all']).filter(({ name }) => played.has(name));
}

function lockFileOn({ name }: Job, root: string, lockFile: string): string {
  return join(placesOf(name).repository, relative(root, lockFile));
}

function insideOf(root: string, file: string): string {
  const path = relative(root, file);
  if (!path.startsWith('..')) return path;
  throw new LabError('USAGE', 'the playbook is not in the project of its inventory', {
    at: { file },
    expected: `a file below ${root}, which is what is copied to the control host`,
  });
}

/**
 * Runs the job with `--check` as its service would: what it needs (Node, the project, its key, the hosts, secrets) is then
 * known to be there, and that none of the restrictions is one too many.
 *
 * @returns when it is due next
 * @throws LabError SCHEDULE_CHECK
 */
async function tryOut(session: Session, job: Job, lockFolder: string): Promise<string | null> {
  const argv = ['sh', '-c', 'exec "$@" 2>&1', 'lab', ...tryCommand(job, lockFolder)];
  const { exitCode, stdout } = await new FactLoader(session).run(argv, { timeoutSeconds: rehearsalSeconds });
  const jobs = await readJobs(session);
  if (exitCode === exitCodes.asDeclared || exitCode === exitCodes.changesFound)
    return jobs.find((one) => one.job.name === job.name)?.nextRun ?? null;
  throw new LabError('SCHEDULE_CHECK', 'the job is set up, but does not get through: tried with --check, it fails', {
    host: session.host,
    found: `exit code ${exitCode}`,
    output: visible(stdout).split('\n').slice(-30).join('\n'),
    hint: hintFor(stdout),
  });
}

function hintFor(output: string): string {
  if (output.includes('SECRETS_IDENTITY'))
    return 'give the job an identity of its own: make it a recipient of the secrets, then --secrets-identity FILE';
  if (output.includes('AUTH_FAILED'))
    return 'do its connections come from another address, behind NAT? --from ADDRESS; does a role keep the keys exclusive?';
  return 'mend it and schedule again; until then the job will fail when it is due';
}
