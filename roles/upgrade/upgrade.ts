import { type Inventory, LabError, type z } from '../../src/index.ts';
import {
  defineProcedure,
  type Procedure,
  type ProcedureContext,
  type ProcedurePlan,
} from '../../src/playbook/procedure.ts';
import { upgradeHost } from './host-step.ts';
import { params, type UpgradeParams } from './params.ts';
import { counted, type Found, findingsOf, type Survey, surveyHosts, troublesOf } from './survey.ts';

/** What a playbook says of the upgrade; the command line wins. */
export type UpgradeInput = z.input<typeof params> & { readonly name?: string; readonly inventory: Inventory };

/**
 * An upgrade of hosts in turn: one at a time its packages are upgraded, it reboots when that is due, and the next one follows
 * when it is back and as it was before: no more failed units, its services answer, its WireGuard links shake hands. The first
 * one that is not stops the rest, which are left as they are. Hosts that others are reached through come last.
 *
 * What was upgraded stays: repositories keep no old versions. The journals have both versions of every package.
 *
 * @example
 * export default upgrade({ inventory, reboot: 'when-required' });
 */
export function upgrade({ name = 'upgrade', inventory, ...given }: UpgradeInput): Procedure<typeof params> {
  return defineProcedure({
    name,
    inventory,
    params,
    given,
    // Two controllers would take two hosts down at a time.
    exclusive: { name: 'upgrade', hosts: () => [...inventory.hosts.keys()] },
    prepare: prepareUpgrade,
    at: undefined,
  });
}

async function prepareUpgrade(context: ProcedureContext<UpgradeParams>): Promise<ProcedurePlan> {
  const { inventory, params } = context;
  const survey = await surveyHosts(context);
  if (params.onlyWhenWell) refuseUnwell(survey, context);
  const { hosts, controller, absent } = survey;
  const due = [...hosts].filter(([, found]) => isDue(found, params));
  const findings = [...hosts].flatMap(([name, found]) => findingsOf(name, found, inventory));
  if (controller !== undefined)
    findings.push(
      params.includeController
        ? `${controller}: lab runs here; a reboot ends the run`
        : `${controller}: left out, as lab runs here (includeController: true)`,
    );
  return {
    findings,
    steps: due.map(([name, found]) => ({
      name,
      will: willOf(found, params),
      run: () => upgradeHost(context, name, found),
      final: true,
    })),
    pending: [...absent].map(([name, problem]) => `${name}: ${problem}`),
    outcome: () => `${counted(due.length, 'host')} upgraded`,
    afterwards: 'run this again to go on',
  };
}

/** @throws LabError PLAN_IMPOSSIBLE */
function refuseUnwell({ hosts, absent }: Survey, { inventory, params }: ProcedureContext<UpgradeParams>): void {
  const unwell = [
    ...[...absent].map(([name, problem]) => `${name}: ${problem}`),
    ...[...hosts].flatMap(([name, { health }]) =>
      [...troublesOf(name, health, inventory)]
        .filter(([check]) => params.health.includes(check))
        .map(([, trouble]) => `${name}: ${trouble}`),
    ),
  ];
  if (unwell.length === 0) return;
  throw new LabError('PLAN_IMPOSSIBLE', 'not every host is well: nothing is upgraded', {
    expected: 'hosts that answer, without failed units or silent services (onlyWhenWell)',
    found: unwell.join('; '),
    hint: 'look at it: lab doctor; a playbook without onlyWhenWell goes on with the others',
  });
}

function isDue({ upgrades, reasons }: Found, { reboot }: UpgradeParams): boolean {
  if (upgrades.changes.length > 0 || upgrades.broken.length > 0) return true;
  return reboot === 'always' || (reboot === 'when-required' && reasons.length > 0);
}

function willOf({ upgrades, reasons }: Found, { reboot }: UpgradeParams): string {
  const { changes, broken } = upgrades;
  const packages =
    changes.length > 0
      ? [`upgrade ${counted(changes.length, 'package')}`]
      : broken.length > 0
        ? ['finish an installation']
        : [];
  if (reboot === 'never') return [...packages, 'not reboot'].join(', ');
  const certain = reboot === 'always' || reasons.length > 0;
  return [...packages, certain ? 'reboot' : 'reboot if that asks for it'].join(', ');
}
