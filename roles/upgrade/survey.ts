import { readFileSync } from 'node:fs';
import { type Facts, type Inventory, LabError, type SystemFact } from '../../src/index.ts';
import { selectHosts } from '../../src/model/select-hosts.ts';
import type { ProcedureContext } from '../../src/playbook/procedure.ts';
import { describeUpgrade, type Upgrades } from '../../src/resources/packages/upgrades.ts';
import { readUpgrades } from '../../src/resources/upgraded-packages.ts';
import { readRoleFile } from '../../src/shared/own-package.ts';
import { type Health, portsOf, readHealth } from './health.ts';
import { upgradeOrder } from './order.ts';
import type { UpgradeParams } from './params.ts';

/** What is found on a host. */
export interface Found {
  readonly upgrades: Upgrades;
  /** Why a reboot is due, a line each. */
  readonly reasons: readonly string[];
  readonly health: Health;
  readonly bootId: string;
}

export interface Survey {
  /** In the order in which they are upgraded. */
  readonly hosts: ReadonlyMap<string, Found>;
  /** The host of the inventory that this program runs on. */
  readonly controller: string | undefined;
  /** Hosts that were not reached, with why. */
  readonly absent: ReadonlyMap<string, string>;
}

/**
 * Looks at every selected host; changes nothing.
 *
 * @throws LabError PLAN_IMPOSSIBLE when it cannot be told what an upgrade of a host would do, or a disk would be full
 */
export async function surveyHosts(context: ProcedureContext<UpgradeParams>): Promise<Survey> {
  const { inventory, params, selected } = context;
  const names = selectHosts(inventory, params.hosts).flatMap(({ name }) => (selected.has(name) ? [name] : []));
  const answers = await context.read(names, (facts, { name }) => look(facts, inventory, name, params));
  const absent = new Map<string, string>();
  const found = new Map<string, Found>();
  const failures: LabError[] = [];
  let controller: string | undefined;
  for (const [name, answer] of answers) {
    if ('problem' in answer) absent.set(name, answer.problem);
    else if (answer.value.bootId === ownBootId() && !params.includeController) controller = name;
    else if (answer.value.failure !== undefined) failures.push(answer.value.failure.with({ host: name }));
    else {
      if (answer.value.bootId === ownBootId()) controller = name;
      found.set(name, answer.value);
    }
  }
  const [first, ...others] = failures;
  if (first !== undefined) throw first.with({ others });
  const order = upgradeOrder(inventory, found.keys(), controller);
  return { hosts: new Map(order.map((name) => [name, found.get(name) as Found])), controller, absent };
}

type Look = Found & { readonly failure?: LabError };
const noUpgrades: Upgrades = { changes: [], held: [], kept: [], broken: [] };

async function look(facts: Facts, inventory: Inventory, host: string, { full }: UpgradeParams): Promise<Look> {
  const [system, upgrades, reasons, health] = await Promise.all([
    facts.system(),
    readUpgrades(facts, { full, indexMaxAgeHours: 1 }).catch((thrown: unknown) => {
      if (thrown instanceof LabError) return thrown;
      throw thrown;
    }),
    rebootReasons(facts),
    readHealth(facts, portsOf(inventory, host)),
  ]);
  const common = { reasons, health, bootId: system.bootId };
  return upgrades instanceof LabError
    ? { ...common, upgrades: noUpgrades, failure: upgrades }
    : { ...common, upgrades };
}

/**
 * Why a reboot is due now.
 *
 * @throws LabError READ_FAILED when it cannot be told
 */
export async function rebootReasons(facts: Facts): Promise<string[]> {
  const argv = ['sh', '-c', readRoleFile('upgrade/reboot-reasons.sh'), 'lab-reboot-reasons'];
  const { stdout, exitCode } = await facts.run(argv);
  if (exitCode !== 0)
    throw new LabError('READ_FAILED', 'it does not tell whether a reboot is due', {
      expected: 'exit code 0 within a minute',
      found: `exit code ${exitCode}`,
    });
  return stdout.split('\n').filter((line) => line !== '');
}

/** What a plan says of a host, a line each. */
export function findingsOf(name: string, { upgrades, reasons, health }: Found, inventory: Inventory): string[] {
  const { changes, held, kept, broken } = upgrades;
  const kernels = changes.filter((change) => change.before === null && change.name.startsWith('linux-image-'));
  const lines = [
    changes.length > 0 && `${counted(changes.length, 'package')}: ${changes.map(describeUpgrade).join(', ')}`,
    broken.length > 0 && `an installation broke off, and is finished first: ${broken.join(', ')}`,
    held.length > 0 && `held back: ${held.join(', ')}`,
    kept.length > 0 && `kept back, as more would have to change (full: true): ${kept.join(', ')}`,
    reasons.length > 0 && `a reboot is due: ${reasons.join('; ')}`,
    kernels.length > 0 && `a reboot will be due: ${kernels.map((change) => change.name).join(', ')}`,
    ...troublesOf(name, health, inventory).values(),
  ].filter((line) => line !== false);
  return (lines.length === 0 ? ['up to date'] : lines).map((line) => `${name}: ${line}`);
}

/** What is not well on a host before anything is done there, by the check that would see it afterwards. */
export function troublesOf(
  name: string,
  { failedUnits, listening }: Health,
  inventory: Inventory,
): ReadonlyMap<'units' | 'services', string> {
  const closed = [...portsOf(inventory, name).keys()].filter((service) => !listening.includes(service));
  const troubles = new Map<'units' | 'services', string>();
  if (failedUnits.length > 0) troubles.set('units', `failed already: ${failedUnits.join(', ')}`);
  if (closed.length > 0) troubles.set('services', `silent already: ${closed.join(', ')}`);
  return troubles;
}

export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** That of the machine that this program runs on, made as `lab_boot_id` of the prelude makes it; null without /proc. */
function ownBootId(): SystemFact['bootId'] | null {
  try {
    const start = readFileSync('/proc/1/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}-${start}`;
  } catch {
    return null;
  }
}
