import { isRunOfStep } from '../playbook/procedure.ts';
import { FactLoader } from '../remote/facts/loader.ts';
import type { ExitCode } from '../shared/errors.ts';
import { LabError } from '../shared/errors.ts';
import { nearest } from '../shared/suggest.ts';
import type { ActionPlan } from './apply/action-plan.ts';
import { Applier } from './apply/apply-stage.ts';
import { compileStage } from './apply/compile.ts';
import type { StageEnd } from './apply/follow-stage.ts';
import { nextSegment } from './apply/segment.ts';
import type { HostCounts, HostStatus, PlannedResource } from './events.ts';
import { type HostOperation, type OperationOptions, operateOnHosts } from './host-operation.ts';
import { type HostReport, statusOfEnd } from './host-report.ts';
import { type JournaledActionState, type JournaledRun, JournalReader } from './journal/read.ts';
import { conflictsOf, pathsOf, type RollbackSelection, selectActions, standing } from './journal/select.ts';
import { undoPlans } from './journal/undo.ts';
import type { HostLink } from './link.ts';
import { recoverRun } from './recover.ts';
import { requireRoot } from './run-host.ts';

export interface RollbackOptions extends OperationOptions {
  readonly selection: RollbackSelection;
  /** Only say what would be put back. */
  readonly check: boolean;
  /** Overwrite what was changed since. */
  readonly force: boolean;
  readonly guardSeconds?: number | undefined;
}

/**
 * Takes back what runs did, from each host's own journal: no playbook is needed. A rollback is a run of its own, guarded
 * and journaled as any, and can be rolled back.
 *
 * @throws LabError RUN_UNKNOWN when no host has anything to take back
 */
export async function rollback(
  options: RollbackOptions,
): Promise<{ readonly run: string; readonly exitCode: ExitCode }> {
  let found = 0;
  const known = new Set<string>();
  const result = await operateOnHosts(
    options,
    options.check ? 'rollback-check' : 'rollback',
    nameOf(options.selection),
    async (operation) => {
      const host = new HostRollback(operation, options);
      const outcome = await host.work();
      if (outcome.counts.total > 0) found++;
      for (const role of host.roles) known.add(role);
      return outcome;
    },
  );
  if (found === 0 && result.exitCode === 0) throw nothingFound(options, [...known].sort());
  return result;
}

function nothingFound({ selection: { role, run }, hosts }: RollbackOptions, known: readonly string[]): LabError {
  const what = run === undefined ? 'a run' : `the run ${run}`;
  const near = role === undefined || known.includes(role) ? undefined : nearest(role, known);
  return new LabError('RUN_UNKNOWN', 'there is nothing to roll back', {
    expected: role === undefined ? what : `${what} that changed the role ${role}`,
    found: `none whose changes still stand, on ${hosts.map(({ name }) => name).join(', ')}`,
    hint: [
      ...(near === undefined ? [] : [`did you mean "${near}"?`]),
      ...(known.length === 0 ? [] : [`roles with changes that stand: ${known.join(', ')};`]),
      '"lab history" lists the runs of every host',
    ].join(' '),
  });
}

function nameOf({ role, run, steps = 1 }: RollbackSelection): string {
  const what = role === undefined ? 'everything' : `role ${role}`;
  return run === undefined ? `${what}, ${steps === 1 ? 'last run' : `last ${steps} runs`}` : `${what} of run ${run}`;
}

class HostRollback {
  readonly #link: HostLink;
  readonly #report: HostReport;
  readonly #run: string;
  readonly #stop: AbortSignal;
  readonly #options: RollbackOptions;
  #plans: readonly ActionPlan[] = [];
  /** Roles of which something can be rolled back here. */
  roles: ReadonlySet<string> = new Set();

  constructor({ link, report, run }: HostOperation, options: RollbackOptions) {
    this.#link = link;
    this.#report = report;
    this.#run = run;
    this.#stop = options.stop;
    this.#options = options;
  }

  async work(): Promise<{ readonly status: HostStatus; readonly counts: HostCounts }> {
    const loader = new FactLoader(this.#link.session);
    const [system, state] = await Promise.all([loader.system(), loader.state()]);
    if (!this.#options.check && state.lastRun !== null && state.ended === '')
      await recoverRun(this.#link.session, state.lastRun);
    const selected = await this.#select();
    this.#plans = undoPlans(selected);
    if (selected.length > 0) this.#report.planned(1, this.#plans.map(described));
    this.#tellWhatStays(selected);
    if (selected.length === 0) this.#report.notice(nothingHere(this.#options.selection), 'info');
    if (this.#plans.length === 0) return this.#outcome('ok');
    if (this.#options.check) return this.#outcome('would-change');
    requireRoot(system);
    const applier = new Applier(this.#link, {
      run: this.#run,
      meta: {
        version: 1,
        playbook: 'rollback',
        mode: 'rollback',
        roles: [...new Set(selected.flatMap(({ action }) => action.role ?? []))],
        undoes: [...new Set(selected.map(({ at }) => at.run))],
      },
      lastRun: state.lastRun,
      guardSeconds: this.#options.guardSeconds,
    });
    const forward = () => void applier.stop();
    this.#stop.addEventListener('abort', forward, { once: true });
    try {
      const end = await this.#apply(applier);
      await applier.release(end);
      return this.#outcome(statusOfEnd(end, this.#report.changed.size));
    } finally {
      this.#stop.removeEventListener('abort', forward);
    }
  }

  async #select(): Promise<readonly JournaledActionState[]> {
    const reader = new JournalReader(this.#link.session);
    const runs = await reader.runs();
    const { actions, damage } = await reader.readable(runs);
    const stand = standing(actions);
    this.roles = new Set(stand.flatMap(({ action }) => (action.kind === 'change' ? (action.role ?? []) : [])));
    const selected = selectActions(stand, this.#options.selection);
    if (damage !== undefined && this.#mayBeIn(damage.run, runs, selected)) throw damage.error;
    const { role } = this.#options.selection;
    if (selected.length === 0) {
      if (role !== undefined) this.#tellWhatStays(stand.filter(({ action }) => action.role === role));
      return [];
    }
    await reader.verify(selected);
    this.#requireRedoable(selected);
    const conflicts = conflictsOf(selected, stand, await reader.fingerprints(pathsOf(selected)));
    if (conflicts.length === 0) return selected;
    const told = conflicts.map(({ what, laterRun, laterRole }) =>
      laterRun === undefined
        ? `${what}: changed by hand`
        : `${what}: changed by run ${laterRun}${laterRole ? ` (role ${laterRole})` : ''}`,
    );
    if (this.#options.force || this.#options.check) {
      for (const line of told)
        this.#report.notice(`${line} since; ${this.#options.force ? 'it is overwritten' : 'refused without --force'}`);
      return selected;
    }
    throw new LabError('ROLLBACK_REFUSED', 'changed since, so nothing was rolled back', {
      host: this.#report.host,
      expected: 'every file as the run left it',
      found: told.join('; '),
      hint: conflicts.some(({ laterRun }) => isStep(runs, laterRun))
        ? "a procedure across hosts came after it, such as a rotation, and destroyed what was before; roles are taken away with state: 'absent'"
        : 'look at the difference with "lab rollback … --check --diff"; --force puts the old state back all the same',
    });
  }

  /** Whether more than what could be read may have to be taken back: from the damaged run, or one before it. */
  #mayBeIn(damaged: string, runs: readonly JournaledRun[], selected: readonly JournaledActionState[]): boolean {
    const { run, steps = 1 } = this.#options.selection;
    if (run === undefined) return new Set(selected.map(({ at }) => at.run)).size < steps;
    const position = (wanted: string) => runs.findIndex((one) => one.run === wanted);
    return position(run) >= 0 && position(run) <= position(damaged);
  }

  /** What was set from a secret cannot be set again without it. */
  #requireRedoable(selected: readonly JournaledActionState[]): void {
    const lost = selected.filter(({ action }) => action.kind === 'undo' && action.lost.length > 0);
    if (lost.length === 0) return;
    throw new LabError('ROLLBACK_REFUSED', 'this rollback cannot be rolled back: the journal keeps no secrets', {
      host: this.#report.host,
      found: lost.map(({ action }) => `${action.title}: ${action.lost.join(', ')}`).join('; '),
      hint: 'run the playbook again: it sets what it declares',
    });
  }

  #tellWhatStays(selected: readonly JournaledActionState[]): void {
    const stays = selected.filter(({ action }) => action.undo.length === 0 && action.settle.length === 0);
    for (const title of new Set(stays.map(({ action }) => action.title)))
      this.#report.notice(`${title}: nothing says how to undo it, so it stays`);
  }

  async #apply(applier: Applier): Promise<StageEnd> {
    let left = this.#plans;
    while (left.length > 0) {
      if (this.#stop.aborted) return 'stopped';
      const segment = nextSegment(left, (plan) => plan);
      const end = await applier.apply(compileStage(this.#run, applier.nextStage, segment), this.#report.listener());
      if (end !== 'complete') return end;
      left = left.slice(segment.length);
    }
    return 'complete';
  }

  #outcome(status: HostStatus): { readonly status: HostStatus; readonly counts: HostCounts } {
    // Of several runs, a resource comes once for each.
    const total = new Set(this.#plans.map(({ key }) => key)).size;
    const changed = status === 'would-change' ? total : this.#report.changed.size;
    const failed = this.#report.failure === undefined ? 0 : 1;
    const counts = { inSync: 0, knownAfterApply: 0, differences: 0, orphans: 0 };
    const notReached = status === 'changed' || status === 'would-change' ? 0 : Math.max(0, total - changed - failed);
    return { status, counts: { ...counts, total, changed, failed, notReached } };
  }
}

function nothingHere({ role, run }: RollbackSelection): string {
  const what = role === undefined ? 'nothing' : `nothing of the role ${role}`;
  return run === undefined ? `${what} to roll back here` : `${what} of run ${run} to roll back here`;
}

function described({ key, title, role, changes }: ActionPlan): PlannedResource {
  return { resource: key, title, role, at: null, outcome: 'change', changes };
}

/** Whether a run was a step of a procedure, whose other hosts know of what it did. */
function isStep(runs: readonly JournaledRun[], run: string | undefined): boolean {
  const meta = runs.find((one) => one.run === run)?.meta;
  return meta !== undefined && isRunOfStep(meta.playbook);
}
