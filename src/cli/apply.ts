import type { Command } from 'commander';
import { Barrier } from '../runner/barrier.ts';
import type { RunEvent } from '../runner/events.ts';
import { drift, fingerprint, readPlan, type SavedPlan } from '../runner/plan/saved-plan.ts';
import type { RunOptions } from '../runner/run.ts';
import { LabError } from '../shared/errors.ts';
import {
  addConnectOptions,
  addGuardOption,
  addLoadOptions,
  addShowOptions,
  type ConnectOptions,
  type GuardOption,
  type LoadOptions,
  type ShowOptions,
} from './run-options.ts';
import { runPlaybook } from './run-playbook.ts';

type Options = ConnectOptions & ShowOptions & LoadOptions & GuardOption;

export function register(program: Command): void {
  const command = program.command('apply <plan>').description('apply a saved plan as it is, or not at all');
  addLoadOptions(addGuardOption(addShowOptions(addConnectOptions(command))))
    .addHelpText(
      'after',
      `
Every host is read again first. When one has drifted from what the plan was made of, or the playbook now gives another
plan, no host is changed, and what drifted is named.

Example:
  lab plan site.ts -o change.plan && lab apply change.plan`,
    )
    .action(async (file: string, options: Options) => {
      const plan = readPlan(file);
      const { startAt, ...select } = plan.select;
      const names = Object.keys(plan.hosts);
      const barrier = new Barrier(names.length);
      const result = await runPlaybook(plan.playbook, {
        ...options,
        ...select,
        ...(startAt !== undefined && { startAt }),
        mode: 'apply',
        guardSeconds: options.guardTimeout,
        // All hosts wait for each other before the first is changed.
        forks: Math.max(options.forks, names.length),
        serial: names.length,
        review: reviewAgainst(plan, barrier),
        watch: (event) => failWithAnyHost(event, names, barrier),
      });
      process.exitCode = result.exitCode;
    });
}

/** A host that is not there, or cannot be reached or planned, never arrives; the others must not wait for it. */
function failWithAnyHost(event: RunEvent, planned: readonly string[], barrier: Barrier): void {
  if (event.event === 'run-started') {
    const missing = planned.find((host) => !event.hosts.includes(host));
    if (missing === undefined) return;
    barrier.fail(new LabError('PLAN_DRIFTED', 'no play of the playbook is for it any more', { host: missing }));
  }
  if (event.event !== 'host-finished' || event.status === 'ok' || event.status === 'changed') return;
  const { code, message } = event.failure ?? { code: 'PLAN_DRIFTED', message: event.status };
  barrier.fail(new LabError(code, message, { host: event.host }));
}

function reviewAgainst(plan: SavedPlan, barrier: Barrier): NonNullable<RunOptions['review']> {
  return async (host, planned, facts) => {
    const saved = plan.hosts[host];
    const now = fingerprint(plan.salt, planned, facts);
    const found = saved === undefined ? [`${host} is not part of the plan`] : drift(saved, now);
    if (found.length > 0) {
      const error = new LabError('PLAN_DRIFTED', 'the plan no longer fits', {
        host,
        expected: `everything as it was on ${plan.madeAt}`,
        found: `changed since: ${found.join(', ')}`,
        hint: 'it may have been applied already; make a new plan with lab plan PLAYBOOK -o FILE',
      });
      barrier.fail(error);
      throw error;
    }
    await barrier.arrive();
  };
}
