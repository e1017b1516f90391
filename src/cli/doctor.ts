import { accessSync } from 'node:fs';
import type { Command } from 'commander';
import type { Host } from '../model/types.ts';
import type { Session } from '../remote/session.ts';
import { asLabError, exitCodes } from '../shared/errors.ts';
import { quote } from '../shared/quote.ts';
import { inventoryOf, onHosts } from './open-hosts.ts';
import { addConnectOptions, type ConnectOptions } from './run-options.ts';

/** What was looked at, how it is, and what to do when it is not as it should be. */
interface Finding {
  readonly level: 'good' | 'warning' | 'bad';
  readonly text: string;
  readonly advice?: string;
}

type Options = ConnectOptions & { readonly inventory?: string };

/** Programs of the remote side, all of them in coreutils, util-linux or busybox. */
const needed = [
  'stat',
  'readlink',
  'sha256sum',
  'head',
  'tail',
  'base64',
  'timeout',
  'setsid',
  'sync',
  'mktemp',
  'grep',
];

export function register(program: Command): void {
  const command = program
    .command('doctor [hosts]')
    .description('is this machine, and each host, fit for lab? Says what to do where not')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder');
  addConnectOptions(command)
    .addHelpText('after', '\nExit code 1 when something has to be mended.\n\nExample:\n  lab doctor\n  lab doctor nas')
    .action(async (hosts: string | undefined, options: Options) => {
      let bad = show('this machine', await controllerFindings(options));
      const outcomes = await inventoryOf(options.inventory).then(
        () => onHosts([hosts ?? 'all'], options, hostFindings),
        () => [], // already among the findings above
      );
      for (const { host, value, error } of outcomes) {
        const failed = error && { level: 'bad' as const, text: error.message, advice: error.details.hint };
        bad = show(host.name, value ?? (failed ? [failed as Finding] : [])) || bad;
      }
      process.exitCode = bad ? exitCodes.hostFailed : exitCodes.asDeclared;
    });
}

function show(title: string, findings: readonly Finding[]): boolean {
  const marks = { good: '✔', warning: '!', bad: '✖' };
  const lines = findings.map(
    ({ level, text, advice }) => `  ${marks[level]} ${text}${advice ? `\n      → ${advice}` : ''}\n`,
  );
  process.stdout.write(`${title}\n${lines.join('')}`);
  return findings.some(({ level }) => level === 'bad');
}

async function controllerFindings(options: Options): Promise<Finding[]> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fit = major > 20 || (major === 20 && minor >= 19);
  const findings: Finding[] = [
    fit
      ? { level: 'good', text: `Node ${process.versions.node}` }
      : { level: 'bad', text: `Node ${process.versions.node} is too old`, advice: 'install Node 20.19 or newer' },
    onPath('ssh')
      ? { level: 'good', text: 'the OpenSSH client is installed: ~/.ssh/config is read' }
      : {
          level: 'warning',
          text: 'no OpenSSH client: ~/.ssh/config is not read',
          advice: 'apt-get install openssh-client',
        },
    process.env.SSH_AUTH_SOCK
      ? { level: 'good', text: 'an SSH agent is running' }
      : { level: 'good', text: 'no SSH agent: keys are read from files' },
  ];
  try {
    const { inventory, file } = await inventoryOf(options.inventory);
    findings.push({
      level: 'good',
      text: `${file}: ${inventory.hosts.size} hosts, ${inventory.services.size} services`,
    });
  } catch (thrown) {
    const { message, details } = asLabError(thrown);
    const advice = details.hint ?? 'lab init writes an example to begin with';
    findings.push({ level: 'bad', text: message, advice });
  }
  return findings;
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(`${folder}/${program}`);
      return true;
    } catch {
      return false;
    }
  });
}

async function hostFindings(session: Session, host: Host): Promise<Finding[]> {
  const script = [
    'lab_read_system',
    `lab_b missing; for lab_program in ${needed.map(quote).join(' ')}; do command -v "$lab_program" >/dev/null 2>&1 || echo "$lab_program"; done; lab_e missing 0`,
    'lab_b space; df -Pk /var 2>/dev/null | tail -n 1; lab_e space 0',
    'lab_b clock; date +%s; lab_e clock 0',
    'lab_read_state',
  ].join('\n');
  const frames = await session.request(script);
  const body = (id: string) => frames.get(id)?.body.toString().trim() ?? '';
  const missing = body('missing')
    .split('\n')
    .filter((line) => line !== '');
  const root = /^uid=0$/m.test(body('system'));
  const freeMiB = Math.floor(Number(body('space').split(/\s+/)[3] ?? 0) / 1024);
  const skew = Math.abs(Number(body('clock')) - Date.now() / 1000);
  const name = /^os=PRETTY_NAME=(.*)$/m.exec(body('system'))?.[1]?.replaceAll('"', '') ?? 'unknown system';
  const findings: Finding[] = [{ level: 'good', text: `${name}, reached over ${host.connection.transport}` }];
  findings.push(
    root
      ? { level: 'good', text: 'root' }
      : {
          level: 'bad',
          text: 'not root',
          advice: `connect as root, or set become: 'sudo' for ${host.name} in the inventory`,
        },
  );
  if (missing.length > 0) {
    findings.push({ level: 'bad', text: `missing: ${missing.join(', ')}`, advice: 'install coreutils and util-linux' });
  }
  if (freeMiB < 50)
    findings.push({
      level: 'bad',
      text: `${freeMiB} MiB free in /var`,
      advice: 'the journal of changes is kept there: free some space',
    });
  if (skew > 30)
    findings.push({
      level: 'warning',
      text: `its clock is ${Math.round(skew)} s off`,
      advice: 'set up time synchronisation (roles/base does)',
    });
  const pending = [...body('state').matchAll(/^pending=\S+ (.*)$/gm)].map((match) => match[1]);
  if (pending.length > 0)
    findings.push({
      level: 'warning',
      text: `still to do: ${pending.join(', ')}`,
      advice: 'run the playbook again: it does what an earlier run did not get to',
    });
  return findings;
}
