import { type Host, type Inventory, LabError, type RoleUse } from '../../src/index.ts';
import { selectHosts } from '../../src/model/select-hosts.ts';
import type { ProcedureContext } from '../../src/playbook/procedure.ts';
import { quoteAll } from '../../src/shared/quote.ts';
import { type Health, portsOf, readHealth, worseThan } from './health.ts';
import type { UpgradeParams } from './params.ts';
import { packagesRole, rebootRole } from './roles.ts';
import { counted, type Found, rebootReasons } from './survey.ts';

type Context = ProcedureContext<UpgradeParams>;

/** How a host is in the middle of it. */
interface State {
  readonly health: Health;
  readonly reasons: readonly string[];
  readonly bootId: string;
  /** Commands of one's own that do not exit with 0. */
  readonly complaints: readonly string[];
}

const pauseMs = 2000;
/** A unit that failed may be started again by systemd. */
const unitSeconds = 20;

/**
 * Upgrades one host, reboots it when that is due, and waits until it is as it was before.
 *
 * @returns what became of it, in a line
 * @throws LabError STEP_FAILED, UNREACHABLE when it is not as before in time
 */
export async function upgradeHost(context: Context, name: string, found: Found): Promise<string> {
  const { params } = context;
  const before = await stateOf(context, name);
  if (before.complaints.length > 0)
    throw new LabError('STEP_FAILED', `${name} is not well already: nothing was changed there`, {
      host: name,
      expected: 'exit code 0',
      found: before.complaints.join('; '),
    });
  const done: string[] = [];
  const { changes, broken } = found.upgrades;
  if (changes.length > 0 || broken.length > 0) {
    const { full, lockTimeoutSeconds } = params;
    await require(context, 'packages', name, packagesRole({ full, lockTimeoutSeconds }));
    done.push(changes.length > 0 ? `${counted(changes.length, 'package')} upgraded` : 'an installation finished');
  }
  const { reasons, bootId } = done.length > 0 ? await stateOf(context, name) : before;
  const rebooted = params.reboot !== 'never' && (params.reboot === 'always' || reasons.length > 0);
  if (rebooted) {
    const because = reasons.join('; ') || 'always';
    context.say(`${name} reboots: ${because}`);
    const use = rebootRole({ bootId, because, timeoutSeconds: params.timeoutSeconds });
    await require(context, 'reboot', name, use);
    done.push('rebooted');
  }
  const after = await untilAsBefore(context, name, before, rebooted);
  // A boot loader may start another kernel than the newest.
  const left =
    after.reasons.length > 0 ? [`a reboot is ${rebooted ? 'still ' : ''}due: ${after.reasons.join('; ')}`] : [];
  return [...done, 'as it was before', ...left].join(', ');
}

async function require(context: Context, step: string, host: string, use: RoleUse): Promise<void> {
  const outcome = (await context.apply(step, [host], use)).get(host);
  if (outcome === undefined || outcome.status === 'ok' || outcome.status === 'changed') return;
  const code = outcome.status === 'unreachable' ? 'UNREACHABLE' : 'STEP_FAILED';
  throw new LabError(code, step === 'reboot' ? `${host} did not come back` : `the upgrade of ${host} failed`, {
    host,
    output: outcome.message ?? outcome.status,
    hint:
      step === 'reboot'
        ? 'look at its console'
        : '"lab history" shows what was done; an installation that broke off is finished by the next run',
  });
}

async function stateOf(context: Context, name: string): Promise<State> {
  const { inventory, params } = context;
  const commands = commandsFor(inventory, name, params);
  const answers = await context.read([name], async (facts) => {
    const [system, health, reasons, ...results] = await Promise.all([
      facts.system(),
      readHealth(facts, portsOf(inventory, name)),
      rebootReasons(facts),
      ...commands.map((argv) => facts.run(argv)),
    ]);
    const complaints = results.flatMap(({ exitCode }, index) =>
      exitCode === 0 ? [] : [`${quoteAll(commands[index] ?? [])} exits with ${exitCode}`],
    );
    return { health, reasons, bootId: system.bootId, complaints };
  });
  const answer = answers.get(name);
  if (answer !== undefined && 'value' in answer) return answer.value;
  throw new LabError('UNREACHABLE', `${name} cannot be looked at`, { host: name, found: answer?.problem });
}

function commandsFor(inventory: Inventory, name: string, { health }: UpgradeParams): readonly (readonly string[])[] {
  return health.flatMap((check) => {
    if (typeof check === 'string') return [];
    return selectHosts(inventory, check.hosts).some((host) => host.name === name) ? [check.argv] : [];
  });
}

/**
 * @returns how it is then
 * @throws LabError STEP_FAILED with what is worse than before, when that does not pass in time
 */
async function untilAsBefore(context: Context, name: string, before: State, rebooted: boolean): Promise<State> {
  const { health, timeoutSeconds } = context.params;
  const began = Date.now();
  const expected = {
    units: health.includes('units'),
    services: health.includes('services'),
    links: health.includes('links'),
    hostKeys: hostKeys(context),
    rebooted,
  };
  for (;;) {
    const after = await stateOf(context, name).catch((thrown: unknown) => {
      if (thrown instanceof LabError && thrown.code === 'UNREACHABLE') return thrown;
      throw thrown;
    });
    const problems =
      after instanceof LabError
        ? [after.message]
        : [...worseThan(before.health, after.health, expected), ...after.complaints];
    if (problems.length === 0 && !(after instanceof LabError)) return after;
    const seconds = (Date.now() - began) / 1000;
    const onlyUnits = problems.every((problem) => / failed$/.test(problem));
    if (context.stop.aborted || seconds > (onlyUnits ? Math.min(unitSeconds, timeoutSeconds) : timeoutSeconds))
      throw new LabError('STEP_FAILED', `${name} is not as it was before`, {
        host: name,
        expected: 'units, services and links as before',
        found: problems.join('; '),
        hint: `look at it: lab exec ${name} -- systemctl --failed; what it was upgraded from: lab history --host ${name}`,
      });
    await context.sleep(pauseMs);
  }
}

/** Public keys of hosts that shake hands by themselves, as the role wireguard told them. */
function hostKeys({ inventory, recall }: Context): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const host of inventory.hosts.values())
    if (isKeptAlive(host))
      for (const value of Object.values(recall(host.name, 'wireguard') ?? {})) keys.set(value, host.name);
  return keys;
}

function isKeptAlive({ params }: Host): boolean {
  return params.get('wireguard')?.keepalive !== 0;
}
