import { type Command, Option } from 'commander';
import { isDue, type NotifyWhen, remembered } from '../notify/due.ts';
import { type Notifier, notifyAll } from '../notify/notification.ts';
import { notifyCommand } from '../notify/notify-command.ts';
import { notifyUrl } from '../notify/notify-url.ts';
import { notifyToken } from '../notify/token.ts';
import type { DriftReport } from '../report/drift-report.ts';
import { driftText } from '../report/drift-text.ts';
import { jsonLine } from '../report/json-renderer.ts';
import { painter } from '../report/style.ts';
import { terminalOf } from '../report/terminal.ts';
import { LabError } from '../shared/errors.ts';
import { checkDrift } from './check-drift.ts';
import { lastReport, rememberReport } from './last-report.ts';
import {
  addConnectOptions,
  addLoadOptions,
  addSelectOptions,
  type ConnectOptions,
  type LoadOptions,
  type SelectOptions,
} from './run-options.ts';

type Options = SelectOptions &
  ConnectOptions &
  LoadOptions & {
    readonly output: 'plain' | 'json';
    readonly diff?: boolean;
    readonly notifyCommand?: string;
    readonly notifyUrl?: string;
    readonly notifyTokenFile?: string;
    readonly notifyAlways?: boolean;
    readonly notifyOnChange?: boolean;
  };

export function register(program: Command): void {
  const command = program
    .command('drift <playbook>')
    .description('check on a schedule whether hosts are still as declared, and tell somebody when not')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'))
    .option('-d, --diff', 'show how contents differ')
    .option('--notify-command <file>', 'run this program, with the report as JSON on its standard input')
    .option('--notify-url <url>', 'POST the report as text to this address, as ntfy takes it')
    .option('--notify-token-file <file>', 'bearer token for --notify-url (or in LAB_NOTIFY_TOKEN)')
    .option('--notify-always', 'tell also that all is as declared')
    .addOption(
      new Option('--notify-on-change', 'tell only what the last check did not tell, and when it is gone').conflicts(
        'notifyAlways',
      ),
    );
  addLoadOptions(addConnectOptions(addSelectOptions(command)))
    .addHelpText(
      'after',
      `
Reads the hosts as "lab run --check" does, changes nothing, and prints only what is not as declared. Somebody is told
when there is drift, a host cannot be checked, or the check itself cannot run.
Exit codes: 0 as declared, 1 a host failed, 2 drift, 3 a host unreachable, 4 usage or playbook error.

Examples:
  lab drift site.ts                      what has drifted
  lab drift site.ts --output json | jq '.hosts[].drifted[].resource'
  lab drift site.ts --notify-url https://ntfy.sh/my-topic --notify-on-change

Every hour, as a line of crontab:
  7 * * * * cd /home/me/homelab && npx --no lab drift site.ts --notify-command ./tell >/dev/null`,
    )
    .action(drift);
}

async function drift(playbook: string, options: Options): Promise<void> {
  const notifiers = await notifiersOf(options);
  const { report, text, thrown } = await checkDrift(playbook, options);
  process.exitCode = report.exitCode;
  if (options.output === 'json') process.stdout.write(`${jsonLine(report)}\n`);
  else if (thrown === undefined) process.stdout.write(`${textForTerminal(report, options)}\n`);
  if (notifiers.length > 0) await tell(notifiers, report, text, options);
  if (thrown !== undefined) throw thrown;
}

/** @throws LabError USAGE before any host is asked: a schedule that cannot tell would be found out too late */
async function notifiersOf(options: Options): Promise<Notifier[]> {
  const { notifyCommand: file, notifyUrl: url, notifyTokenFile: tokenFile } = options;
  if (tokenFile !== undefined && url === undefined) throw needs('--notify-token-file', '--notify-url');
  if (file === undefined && url === undefined) {
    if (options.notifyAlways) throw needs('--notify-always', '--notify-url or --notify-command');
    if (options.notifyOnChange) throw needs('--notify-on-change', '--notify-url or --notify-command');
  }
  return [
    ...(file === undefined ? [] : [notifyCommand(file)]),
    ...(url === undefined ? [] : [notifyUrl(url, { token: await notifyToken(tokenFile) })]),
  ];
}

function needs(option: string, other: string): LabError {
  return new LabError('USAGE', `${option} needs ${other}`);
}

function textForTerminal(report: DriftReport, { diff }: Options): string {
  const { isTTY, columns, colors } = terminalOf(process.stdout);
  const width = isTTY && columns > 0 ? columns : Number.POSITIVE_INFINITY;
  return driftText(report, { diff: diff === true, columns: width, paint: painter(colors) });
}

/** A notifier that fails is told on stderr, and changes no exit code. What was not delivered is told the next time. */
async function tell(
  notifiers: readonly Notifier[],
  report: DriftReport,
  text: string,
  options: Options,
): Promise<void> {
  const { limit, tags, skipTags, startAt, notifyUrl, notifyCommand } = options;
  const identity = [process.cwd(), report.playbook, { limit, tags, skipTags, startAt }, notifyUrl, notifyCommand];
  const last = options.notifyOnChange ? await lastReport(identity) : undefined;
  if (isDue(whenOf(options), report, last)) {
    const again = last !== undefined && last.status !== 'as-declared' && report.status === 'as-declared';
    const title = `${report.playbook}: ${report.summary}${again ? ' again' : ''}`;
    const failures = await notifyAll(notifiers, { title, text, report });
    for (const failure of failures) process.stderr.write(`lab drift: could not notify: ${failure}\n`);
    if (failures.length > 0) return;
  }
  if (options.notifyOnChange && report.status !== 'interrupted') await rememberReport(identity, remembered(report));
}

function whenOf({ notifyAlways, notifyOnChange }: Options): NotifyWhen {
  if (notifyAlways) return 'always';
  return notifyOnChange ? 'changes' : 'problems';
}
