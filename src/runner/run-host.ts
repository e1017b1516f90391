import type { Host } from '../model/types.ts';
import type { Exports, Play, Playbook } from '../playbook/contract.ts';
import type { SystemFact } from '../remote/facts/contract.ts';
import { FactLoader, type StateFact } from '../remote/facts/loader.ts';
import type { Session } from '../remote/session.ts';
import { asLabError, LabError } from '../shared/errors.ts';
import type { Secret } from '../shared/secret.ts';
import { type PendingReboot, waitForReboot } from './after-reboot.ts';
import { actionPlanOf } from './apply/action-plan.ts';
import { Applier } from './apply/apply-stage.ts';
import { compileStage } from './apply/compile.ts';
import type { StageEnd } from './apply/follow-stage.ts';
import { nextSegment } from './apply/segment.ts';
import { describeChange, describePlan } from './describe-plan.ts';
import type { HostCounts, HostStatus, Orphan, RunMode } from './events.ts';
import type { ExportView } from './exports.ts';
import { type Emit, HostReport, statusOfEnd } from './host-report.ts';
import { type Connect, HostLink } from './link.ts';
import { Ownership } from './ownership.ts';
import { type Declared, type DeclareOptions, declareHost, paramsOf, secretsIn } from './plan/declare.ts';
import { type Planned, planHost } from './plan/plan-host.ts';
import { describeRecovery, recoverRun } from './recover.ts';
import { rememberSystem, sameSystem } from './system-cache.ts';

export interface HostRun {
  readonly run: string;
  readonly mode: RunMode;
  readonly playbook: Playbook;
  readonly host: Host;
  readonly plays: readonly Play[];
  readonly select: DeclareOptions;
  readonly secrets: readonly Secret[];
  /** What a role may know of the host before it is read; undefined at first contact. */
  readonly remembered: SystemFact | undefined;
  /** Declared with the remembered facts, before any connection; undefined when a role needed facts that were not known. */
  readonly declared: readonly Declared[] | undefined;
  /** What roles of this host take from other hosts. */
  readonly exports: ExportView;
  /** Tells the other hosts what a role of this one exports. */
  readonly publish: (role: string, told: Exports | null) => void;
  /** This host was read, and has told what it can tell before it is changed. */
  readonly markRead: () => void;
  /** Waits until others have told what this host takes from them, or have nothing more to tell. */
  readonly rest: () => Promise<void>;
  /** Waits, without a place among those at work, until `done` gives true. */
  readonly waitFor: (done: () => boolean) => Promise<void>;
  readonly connect: Connect;
  readonly emit: Emit;
  /** Aborted by the first Ctrl-C: end after the action that is under way. */
  readonly stop: AbortSignal;
  /** Seconds that the host waits for a fresh connection after what can cut the way in. */
  readonly guardSeconds?: number | undefined;
  /** Remove or restore what is no longer declared. */
  readonly prune?: boolean | undefined;
  /** Sees the first plan and all facts it stands on before anything is changed; what it throws ends this host. */
  readonly review?: ((planned: readonly Planned[], facts: ReadonlyMap<string, unknown>) => Promise<void>) | undefined;
}

export interface HostResult {
  readonly host: string;
  readonly status: HostStatus;
  readonly counts: HostCounts;
  /** The first plan, before anything was applied. */
  readonly planned: readonly Planned[];
}

/** Stages of a run; more means that resources bring each other out of order for ever. */
const maxStages = 40;

/** Brings one host to the declared state, or says what would change. Never throws: an outcome is a result. */
export async function runHost(task: HostRun): Promise<HostResult> {
  const report = new HostReport(task.host.name, task.emit);
  for (const secret of [...task.secrets, ...secretsIn(task.host)]) report.redactor.add(secret);
  const worker = new HostWorker(task, report);
  let status: HostStatus;
  try {
    task.emit({ event: 'host-connecting', host: task.host.name });
    status = await worker.work();
  } catch (thrown) {
    status = statusOf(thrown, task.stop, report);
  }
  const counts = worker.counts(status);
  report.finished(status, counts, worker.roundTrips);
  return { host: task.host.name, status, counts, planned: worker.firstPlan };
}

/** The outcome that an error is; keeps the error for the report. */
export function statusOf(thrown: unknown, stop: AbortSignal, report: HostReport): HostStatus {
  // Ctrl-C while it was still being connected to.
  if (stop.aborted && thrown === stop.reason) return 'interrupted';
  const error = asLabError(thrown).with({ host: report.host });
  if (report.failure === undefined || error.exitCode === 5) report.fail(error, report.failedResource);
  return error.exitCode === 3 ? 'unreachable' : error.exitCode === 5 ? 'reverted' : 'failed';
}

class HostWorker {
  firstPlan: readonly Planned[] = [];
  roundTrips = 0;
  readonly #task: HostRun;
  readonly #report: HostReport;
  /** Plans made. */
  #stage = 0;
  /** Stages applied before a reboot. */
  #applied = 0;
  #lastPlan: readonly Planned[] = [];
  #declared: readonly Declared[] = [];
  #orphans: readonly Orphan[] = [];

  constructor(task: HostRun, report: HostReport) {
    this.#task = task;
    this.#report = report;
  }

  async work(): Promise<HostStatus> {
    let rebooting: PendingReboot | undefined;
    for (;;) {
      if (rebooting !== undefined) await this.#waitForReboot(rebooting);
      await using link = await HostLink.open(this.#task.host, this.#task.connect);
      try {
        if (rebooting === undefined) {
          this.#task.emit({ event: 'host-connected', host: this.#task.host.name });
          if (link.foundElsewhere !== undefined)
            this.#report.notice(`it answers at ${link.foundElsewhere}, not where the inventory declares it`);
        }
        const end = await this.#converge(link);
        if (typeof end === 'string') return end;
        rebooting = end;
      } finally {
        this.roundTrips += link.roundTrips;
      }
    }
  }

  async #waitForReboot(rebooting: PendingReboot): Promise<void> {
    this.#report.notice('rebooting; waiting until it is back', 'info');
    await waitForReboot(this.#task.connect, this.#task.host, rebooting, this.#task.stop);
  }

  async #converge(link: HostLink): Promise<HostStatus | PendingReboot> {
    const { mode, stop, playbook } = this.#task;
    const dry = mode === 'check' || mode === 'plan';
    let loader = new FactLoader(link.session);
    this.#declared = await this.#declare(loader);
    if (await this.#settleEarlierRun(link.session, await loader.state(), dry)) {
      loader = new FactLoader(link.session);
      this.#declared = await this.#declare(loader);
    }
    const state = await loader.state();
    const ownership = await Ownership.read(link, state, playbook.name, await this.#allDeclared(this.#declared, loader));
    this.#orphans = ownership.orphansTold;
    const isFirst = this.#stage === 0;
    let plan = await this.#plan(this.#declared, loader, this.#orphans);
    if (isFirst) this.firstPlan = plan;
    if (dry && (await this.#othersChanged())) plan = await this.#planAgain(link);
    if (this.#report.failure !== undefined) return 'failed';
    if (isFirst) await this.#task.review?.(this.firstPlan, await loader.read());
    if (dry) return this.#wouldChange() ? 'would-change' : 'ok';

    if (applicable(plan).length > 0) requireRoot(await loader.system());
    const applier = this.#applier(link, state);
    const forward = () => void applier.stop();
    stop.addEventListener('abort', forward, { once: true });
    try {
      const end = await this.#applyAll(link, applier);
      if (typeof end !== 'string') return end;
      if (end === 'complete' && this.#task.prune) await ownership.prune(applier, this.#report, this.#task.run);
      if (!playbook.transient)
        await ownership.write(applier, {
          complete: end === 'complete',
          selected: this.#declared,
          changed: this.#report.changed,
          report: this.#report,
        });
      return await this.#end(applier, end);
    } finally {
      stop.removeEventListener('abort', forward);
    }
  }

  /** Stage after stage, each planned from what the one before left. */
  async #applyAll(link: HostLink, applier: Applier): Promise<StageEnd | PendingReboot> {
    const { run, stop, exports, waitFor } = this.#task;
    if (applicable(this.#lastPlan).length > 0) {
      // Nothing is changed by what an earlier run remembered of hosts that this run reads.
      if (!exports.areRead()) await waitFor(() => exports.areRead());
      if (exports.isOutdated()) await this.#planAgain(link);
      if (this.#report.failure !== undefined) return 'failed';
    }
    for (;;) {
      const due = nextSegment(applicable(this.#lastPlan), marksOf);
      if (due.length === 0) {
        if (!(await applier.keepLock(this.#othersChanged()))) return 'complete';
        await this.#planAgain(link);
        if (this.#report.failure !== undefined) return 'failed';
        continue;
      }
      if (stop.aborted) return 'stopped';
      if (this.#stage > maxStages) throw new LabError('NOT_CONVERGED', `still not settled after ${maxStages} stages`);
      const plans = due.map((planned) => actionPlanOf(planned, this.#report.redactor));
      const end = await applier.apply(compileStage(run, applier.nextStage, plans), this.#report.listener());
      if (end !== 'complete') return end;
      const reboot = due.flatMap(({ changes }) => changes.flatMap((change) => change.reboots ?? []))[0];
      if (reboot !== undefined) {
        this.#applied = applier.stages;
        const { bootId } = await new FactLoader(link.session).system();
        await applier.release('complete');
        return { bootId, timeoutSeconds: reboot.timeoutSeconds };
      }
      await this.#planAgain(link);
      this.#requireConverged();
      if (this.#report.failure !== undefined) return 'failed';
    }
  }

  /** What other hosts have told meanwhile may bring resources that could not be declared before. */
  async #planAgain(link: HostLink): Promise<readonly Planned[]> {
    const loader = new FactLoader(link.session);
    const { playbook, host, plays, select, exports } = this.#task;
    let corrected = false;
    const declareAgain = async (): Promise<void> => {
      corrected = true;
      exports.clear();
      this.#declared = await declareHost(playbook, host, plays, () => loader.system(), select, exports);
      for (const { resource } of this.#declared)
        for (const secret of secretsIn(resource.props)) this.#report.redactor.add(secret);
    };
    if (exports.isOutdated()) await declareAgain();
    let plan = await this.#plan(this.#declared, loader);
    // What was just read of the host itself may not be what it was declared with.
    if (exports.isOutdated()) {
      await declareAgain();
      plan = await this.#plan(this.#declared, loader);
    }
    if (corrected) this.#correctFirstPlan(plan);
    return plan;
  }

  /** What other hosts told changes the plan of what was not applied yet: that is no difference between plan and outcome. */
  #correctFirstPlan(plan: readonly Planned[]): void {
    const open = new Map(plan.filter(({ key }) => !this.#report.changed.has(key)).map((one) => [one.key, one]));
    const known = new Set(this.firstPlan.map(({ key }) => key));
    this.firstPlan = [
      ...this.firstPlan.map((one) => (one.outcome === 'change' ? one : (open.get(one.key) ?? one))),
      ...[...open.values()].filter(({ key }) => !known.has(key)),
    ];
  }

  /** Waits until other hosts have told what this one takes from them. True when that is not what was declared with. */
  async #othersChanged(): Promise<boolean> {
    await this.#task.rest();
    return this.#task.exports.isOutdated();
  }

  #applier(link: HostLink, { lastRun }: StateFact): Applier {
    const { run, mode, playbook, plays, guardSeconds } = this.#task;
    const roles = [...new Set(plays.flatMap((play) => play.roles.map(({ role }) => role.name)))];
    return new Applier(link, {
      run,
      meta: { version: 1, playbook: playbook.name, mode: mode === 'apply' ? 'apply' : 'run', roles },
      lastRun,
      stagesBefore: this.#applied,
      onDisconnect: playbook.onDisconnect,
      keepRuns: playbook.keepRuns,
      guardSeconds,
    });
  }

  /** Says what became of a run whose end nobody saw. True when the host was put in order, and has to be read again. */
  async #settleEarlierRun(session: Session, { lastRun, ended }: StateFact, dry: boolean): Promise<boolean> {
    // After a reboot it is this run itself.
    if (this.#stage > 0 || lastRun === null || ended === null) return false;
    if (ended.endsWith(' unseen') || ended.startsWith('interrupted')) {
      const what = ended.endsWith(' unseen') ? 'went on without its controller' : 'was cut short';
      this.#report.notice(`run ${lastRun} ${what}: "lab resume" tells how far it came`);
      return false;
    }
    if (ended.startsWith('damaged')) this.#report.notice(describeRecovery(lastRun, ended));
    if (ended !== '') return false;
    if (dry) {
      this.#report.notice(`run ${lastRun} is under way, or was cut short: "lab resume" tells which`);
      return false;
    }
    const state = await recoverRun(session, lastRun);
    if (state === '') return false;
    this.#report.notice(describeRecovery(lastRun, state));
    return true;
  }

  async #declare(loader: FactLoader): Promise<readonly Declared[]> {
    const { playbook, host, plays, select, remembered, exports } = this.#task;
    let { declared } = this.#task;
    if (declared === undefined)
      declared = await declareHost(playbook, host, plays, () => loader.system(), select, exports);
    // The check of what was remembered travels with the other reads: it costs no round trip of its own. Where nothing was,
    // nothing that is declared depends on it.
    else {
      if (this.#declaresAll()) Ownership.expect(loader, playbook.name, declared);
      void loader.state();
      this.#exporting(loader);
      for (const { resource } of declared) resource.resourceType.read(loader, resource.props).catch(() => {});
      const system = await loader.system();
      if (remembered !== undefined && !sameSystem(system, remembered))
        declared = await declareHost(playbook, host, plays, () => loader.system(), select, exports);
    }
    for (const { resource } of declared)
      for (const secret of secretsIn(resource.props)) this.#report.redactor.add(secret);
    return declared;
  }

  /** Asks what roles of this host export, so that it is read with everything else. */
  #exporting(loader: FactLoader): readonly { readonly role: string; readonly told: Promise<Exports | null> }[] {
    const { host, plays, playbook } = this.#task;
    const { inventory } = playbook;
    return plays
      .flatMap((play) => play.roles)
      .flatMap((use) => {
        const told = use.role.exports?.({ host, inventory, params: paramsOf(use, host), facts: loader });
        told?.catch(() => {}); // whoever awaits it sees it
        return told === undefined ? [] : [{ role: use.role.name, told }];
      });
  }

  /** Whether nothing is left out by tags. */
  #declaresAll(): boolean {
    const { startAt, tags, skipTags } = this.#task.select;
    return !startAt && !tags?.length && !skipTags?.length;
  }

  /** Also what tags leave out: it is not orphaned. */
  async #allDeclared(selected: readonly Declared[], loader: FactLoader): Promise<readonly Declared[]> {
    const { playbook, host, plays, exports } = this.#task;
    return this.#declaresAll() ? selected : declareHost(playbook, host, plays, () => loader.system(), {}, exports);
  }

  async #plan(
    declared: readonly Declared[],
    loader: FactLoader,
    orphans: readonly Orphan[] = [],
  ): Promise<readonly Planned[]> {
    const system = loader.system();
    const exporting = this.#exporting(loader);
    const planned = await planHost(declared, loader, this.#report.changed);
    rememberSystem(this.#task.host, await system);
    for (const { role, told } of exporting) this.#task.publish(role, await told);
    this.#task.markRead();
    this.#lastPlan = planned;
    this.#stage++;
    this.#report.planned(
      this.#stage,
      planned.map((plan) => describePlan(plan, this.#report.redactor)),
      orphans,
    );
    const impossible = planned.filter((plan) => plan.outcome === 'impossible');
    const [first] = impossible;
    if (first?.error !== undefined)
      this.#report.fail(
        first.error.with({ others: impossible.slice(1).flatMap((plan) => plan.error ?? []) }),
        first.key,
      );
    return planned;
  }

  /** What was applied must be in sync when read again; what needs applying twice would never come to rest. */
  #requireConverged(): void {
    const again = this.#lastPlan.find((plan) => plan.outcome === 'change' && this.#report.changed.has(plan.key));
    if (again === undefined) return;
    const [change] = again.changes;
    const shown = change && describeChange(change, this.#report.redactor);
    const error = new LabError('NOT_CONVERGED', `${again.title} was applied, and is not as declared`, {
      at: again.resource.at,
      ...(shown && {
        expected: `${shown.attribute} ${shown.after}`,
        found: `${shown.attribute} ${shown.before}`,
      }),
      hint: 'something on the host changes it back, or two resources declare different things for the same place',
    });
    this.#report.fail(error, again.key);
  }

  async #end(applier: Applier, end: StageEnd): Promise<HostStatus> {
    await applier.release(end);
    if (end === 'complete') this.#noticeDifferences();
    return statusOfEnd(end, this.#report.changed.size);
  }

  #differences(): readonly Planned[] {
    return this.firstPlan.filter(
      (plan) =>
        plan.outcome !== 'known-after-apply' && (plan.outcome === 'change') !== this.#report.changed.has(plan.key),
    );
  }

  #noticeDifferences(): void {
    for (const { title, outcome } of this.#differences()) {
      this.#report.notice(
        outcome === 'change'
          ? `${title}: a change was planned, and was not needed`
          : `${title}: changed, which was not planned`,
      );
    }
  }

  #wouldChange(): boolean {
    const changes = this.firstPlan.some((plan) => plan.outcome === 'change' || plan.outcome === 'known-after-apply');
    return changes || (this.#task.prune === true && this.#orphans.length > 0);
  }

  counts(status: HostStatus): HostCounts {
    const plan = this.#lastPlan.length > 0 ? this.#lastPlan : this.firstPlan;
    const of = (outcome: Planned['outcome']) => plan.filter((one) => one.outcome === outcome).length;
    const dry = this.#task.mode === 'check' || this.#task.mode === 'plan';
    const { changed: done } = this.#report;
    const pruned = this.#task.prune ? this.#orphans.filter(({ resource }) => dry || done.has(resource)).length : 0;
    const changed = dry ? of('change') : done.size - pruned;
    const failed = this.#report.failedResource === undefined ? 0 : Math.max(1, of('impossible'));
    const settled = status === 'ok' || status === 'changed';
    // After its stage was read again, what was changed is in sync, too.
    const untouched = plan.filter(({ outcome, key }) => outcome === 'in-sync' && !done.has(key)).length;
    const inSync = settled ? plan.length - changed : untouched;
    const notReached = dry || settled ? 0 : Math.max(0, plan.length - inSync - changed - failed);
    return {
      total: plan.length,
      inSync: Math.max(0, inSync),
      changed: changed + pruned,
      knownAfterApply: dry ? of('known-after-apply') : 0,
      failed,
      notReached,
      differences: settled && !dry ? this.#differences().length : 0,
      // A prune that came to its end leaves none, also of what there was nothing to undo.
      orphans: this.#task.prune && settled ? 0 : this.#orphans.length - pruned,
    };
  }
}

function marksOf({ changes }: Planned): { risky: boolean; reboots: boolean } {
  return {
    risky: changes.some((change) => change.risk !== undefined),
    reboots: changes.some((change) => change.reboots !== undefined),
  };
}

/** @throws LabError BECOME_REFUSED before anything is tried */
export function requireRoot({ uid }: SystemFact): void {
  if (uid === 0) return;
  throw new LabError('BECOME_REFUSED', 'changes need root, and the login is not root', {
    expected: 'user id 0',
    found: `user id ${uid}`,
    hint: "set become: 'sudo' (or 'doas') for this host in the inventory, or connect as root",
  });
}

/** The changes up to the first resource that is not known yet: order is kept, nothing runs ahead of it. */
function applicable(planned: readonly Planned[]): readonly Planned[] {
  const barrier = planned.findIndex((plan) => plan.outcome === 'known-after-apply');
  const upTo = barrier < 0 ? planned : planned.slice(0, barrier);
  return upTo.filter((plan) => plan.outcome === 'change');
}
