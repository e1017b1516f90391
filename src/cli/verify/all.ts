import { policyOf } from '../../../roles/firewall/policy.ts';
import { problemsOf } from '../../../roles/firewall/problems.ts';
import { openingsOf } from '../../../roles/firewall/reach.ts';
import type { Inventory } from '../../model/types.ts';
import { runRecord } from '../../report/history-table.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { reachRecord } from '../../report/reach-table.ts';
import { painter } from '../../report/style.ts';
import { terminalOf } from '../../report/terminal.ts';
import { type Sections, stoppedSection, type VerifyReport, verifyReport } from '../../report/verify/report.ts';
import { verifyText } from '../../report/verify/text.ts';
import { type ExitCode, exitCodes, formatError, type LabError } from '../../shared/errors.ts';
import { KeptHosts } from '../kept-hosts.ts';
import { askPasswords } from '../passwords.ts';
import { printError } from '../print-error.ts';
import { readRuns } from '../read-runs.ts';
import { maxAgeOf } from '../status/wireguard.ts';
import type { VerifyOptions } from '../verify.ts';
import { playbookOf } from './drift.ts';
import { refuseWords } from './exposure.ts';
import { type Lookers, lookersFor } from './lookers.ts';
import { refuseFile, writePage } from './write-page.ts';

/** What was looked at, and what could not be. */
export interface Looked {
  readonly report: VerifyReport;
  readonly errors: readonly LabError[];
  readonly inventory: Inventory;
}

/** `lab verify`: every verification that there is something to verify for, over one login to each host. */
export async function verifyAll(options: VerifyOptions): Promise<ExitCode> {
  return await tellAll(await lookAtAll(options), options);
}

/** The verifications, and nothing said of them yet. */
export async function lookAtAll(given: VerifyOptions): Promise<Looked> {
  maxAgeOf(given);
  const playbook = playbookOf(given, process.cwd());
  if (given.html !== undefined) await refuseFile(given.html);
  const options = { ...given, passwords: given.passwords ?? (await askPasswords(given)) };
  await using hosts = await KeptHosts.of(options);
  refuseWords(hosts.inventory, options);
  const errors: LabError[] = [];
  const report = await lookAt(hosts, options, lookersFor(hosts, options, playbook, errors), errors);
  return { report, errors, inventory: hosts.inventory };
}

/** Prints what was found, and writes the page. */
export async function tellAll({ report, errors, inventory }: Looked, options: VerifyOptions): Promise<ExitCode> {
  if (report.exitCode === exitCodes.interrupted) {
    process.stderr.write('stopped before everything was looked at: nothing is told\n');
    return report.exitCode;
  }
  if (options.output === 'json') process.stdout.write(`${jsonLine(report)}\n`);
  else process.stdout.write(`${verifyText(report, painter(terminalOf(process.stdout).colors)).join('\n')}\n`);
  const told = new Map(errors.map((error) => [formatError(error), error]));
  for (const error of told.values()) printError(error);
  if (options.html !== undefined) await writePage(options.html, report, inventory);
  return report.exitCode;
}

async function lookAt(
  hosts: KeptHosts,
  { limit }: VerifyOptions,
  look: Lookers,
  errors: LabError[],
): Promise<VerifyReport> {
  const { inventory, targets } = hosts;
  const policy = policyOf(inventory);
  const reach = reachRecord(openingsOf(policy, inventory), problemsOf(policy, inventory));
  const startedAt = new Date();
  const began = performance.now();
  // Whoever has to say something on first contact is asked before anything else is under way.
  await hosts.on(targets, async () => {});
  const [wireguard, containers, dns, drift, history] = await Promise.all([
    look.wireguard(),
    look.containers(),
    look.dns(),
    look.drift(),
    historyOf(hosts, errors),
  ]);
  const isStopped = drift.exitCode === exitCodes.interrupted;
  // These two send packets: at the same time they would use up what a firewall allows to one address.
  const firewall = isStopped ? stoppedSection() : await look.firewall();
  const exposure = isStopped ? stoppedSection() : await look.exposure();
  const sections: Sections = { wireguard, firewall, dns, exposure, containers, drift };
  const about = {
    checkedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - began),
    limit,
    hosts: targets.map(({ name }) => name),
    reach,
    history,
  };
  return verifyReport(about, sections);
}

async function historyOf(hosts: KeptHosts, errors: LabError[]): Promise<VerifyReport['history']> {
  const outcomes = await hosts.on(hosts.targets, readRuns);
  const byHost: Record<string, VerifyReport['history'][string]> = {};
  for (const { host, value = [], error } of outcomes) {
    byHost[host.name] =
      error === undefined ? value.map(runRecord) : { error: { code: error.code, message: error.message } };
    if (error !== undefined) errors.push(error);
  }
  return byHost;
}
