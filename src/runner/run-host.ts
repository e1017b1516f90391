import type { Host } from '../model/types.ts';
import type { Play, Playbook } from '../playbook/contract.ts';
import type { SystemFact } from '../remote/facts/contract.ts';
import { FactLoader } from '../remote/facts/loader.ts';
import { Session } from '../remote/session.ts';
import { asLabError, LabError } from '../shared/errors.ts';
import { Redactor, type Secret } from '../shared/secret.ts';
import type { Connection } from '../transport/contract.ts';
import { connectAfterReboot } from './after-reboot.ts';
import { Applier, type StageEnd } from './apply/apply-stage.ts';
import { type Action, compileStage } from './apply/compile.ts';
import { describeChange, describePlan } from './describe-plan.ts';
import type { EventFailure, HostCounts, HostStatus, RunEvent, RunMode } from './events.ts';
import { type Declared, type DeclareOptions, declareHost, secretsIn } from './plan/declare.ts';
import { type Planned, planHost } from './plan/plan-host.ts';
import { rememberSystem, sameSystem } from './system-cache.ts';

/** `Omit` that keeps the members of a union apart. */
type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'ms'> : never;
export type Emit = (event: WithoutTime<RunEvent>) => void;

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
  readonly connect: () => Promise<Connection>;
  readonly emit: Emit;
  /** Aborted by the first Ctrl-C: end after the action that is under way. */
  readonly stop: AbortSignal;
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
const maxStages = 20;

/** Brings one host to the declared state, or says what would change. Never throws: an outcome is a result. */
export async function runHost(task: HostRun): Promise<HostResult> {
  const { host, emit } = task;
  const name = host.name;
  const began = performance.now();
  const worker = new HostWorker(task);
  let failure: LabError | undefined;
  let status: HostStatus;
  try {
    emit({ event: 'host-connecting', host: name });
    status = await worker.work();
  } catch (thrown) {
    // Ctrl-C while it was still being connected to.
    const interrupted = task.stop.aborted && thrown === task.stop.reason;
    if (!interrupted) failure = asLabError(thrown).with({ host: name });
    status = interrupted ? 'interrupted' : failure?.exitCode === 3 ? 'unreachable' : 'failed';
  }
  failure ??= worker.failure;
  const counts = worker.counts(status);
  emit({
    event: 'host-finished',
    host: name,
    status,
    counts,
    roundTrips: worker.roundTrips,
    durationMs: performance.now() - began,
    ...(failure && { failure: describeFailure(failure, worker.redactor, worker.failedResource) }),
  });
  return { host: name, status, counts, planned: worker.firstPlan };
}

class HostWorker {
  readonly redactor = new Redactor();
  roundTrips = 0;
  failure: LabError | undefined;
  failedResource: string | undefined;
  firstPlan: readonly Planned[] = [];
  readonly #task: HostRun;
  readonly #changed = new Set<string>();
  /** Plans made. */
  #stage = 0;
  /** Stages applied before a reboot. */
  #applied = 0;
  #lastPlan: readonly Planned[] = [];

  constructor(task: HostRun) {
    this.#task = task;
    for (const secret of [...task.secrets, ...secretsIn(task.host)]) this.redactor.add(secret);
  }

  async work(): Promise<HostStatus> {
    let rebootedFrom: string | undefined;
    for (;;) {
      await using connection = await this.#connect(rebootedFrom);
      await using session = await Session.open(connection, this.#task.host.connection);
      try {
        const end = await this.#converge(session);
        if (typeof end === 'string') return end;
        rebootedFrom = end.rebootedFrom;
      } finally {
        this.roundTrips += session.roundTrips;
      }
    }
  }

  /** @param rebootedFrom the boot id before a reboot: the host is waited for until it has another */
  async #connect(rebootedFrom: string | undefined): Promise<Connection> {
    const { connect, emit, host } = this.#task;
    if (rebootedFrom === undefined) {
      const connection = await connect();
      emit({ event: 'host-connected', host: host.name });
      return connection;
    }
    emit({ event: 'host-notice', host: host.name, level: 'info', text: 'rebooting; waiting until it is back' });
    return connectAfterReboot(connect, host, rebootedFrom);
  }

  async #converge(session: Session): Promise<HostStatus | { readonly rebootedFrom: string }> {
    const { mode, run, stop } = this.#task;
    let loader = new FactLoader(session);
    const declared = await this.#declare(loader);
    const plan = await this.#plan(declared, loader, ++this.#stage);
    if (this.#stage === 1) this.firstPlan = plan;
    if (this.failure !== undefined) return 'failed';
    if (this.#stage === 1) await this.#task.review?.(this.firstPlan, await loader.read());
    if (mode === 'check' || mode === 'plan') return this.#wouldChange() ? 'would-change' : 'ok';

    if (applicable(plan).length > 0) requireRoot(await loader.system());
    const applier = new Applier(session, { run, lastRun: (await loader.state()).lastRun, stagesBefore: this.#applied });
    const forward = () => void applier.stop();
    stop.addEventListener('abort', forward, { once: true });
    try {
      for (;;) {
        const due = applicable(this.#lastPlan);
        if (due.length === 0) break;
        if (stop.aborted) return await this.#end(applier, 'stopped');
        if (this.#stage > maxStages) throw new LabError('NOT_CONVERGED', `still not settled after ${maxStages} stages`);
        const end = await applier.apply(compileStage(run, due), this.#listener());
        if (end !== 'complete') return await this.#end(applier, end);
        if (due.some(reboots)) {
          this.#applied = applier.stages;
          await applier.release('complete');
          return { rebootedFrom: (await loader.system()).bootId };
        }
        loader = new FactLoader(session);
        await this.#plan(declared, loader, ++this.#stage);
        this.#requireConverged();
        if (this.failure !== undefined) return await this.#end(applier, 'failed');
      }
      return await this.#end(applier, 'complete');
    } finally {
      stop.removeEventListener('abort', forward);
    }
  }

  async #declare(loader: FactLoader): Promise<readonly Declared[]> {
    const { playbook, host, plays, select, remembered } = this.#task;
    let { declared } = this.#task;
    if (declared === undefined) declared = await declareHost(playbook, host, plays, () => loader.system(), select);
    // The check of what was remembered travels with the other reads: it costs no round trip of its own.
    else if (remembered !== undefined) {
      void loader.state();
      for (const { resource } of declared) resource.resourceType.read(loader, resource.props).catch(() => {});
      const system = await loader.system();
      if (!sameSystem(system, remembered))
        declared = await declareHost(playbook, host, plays, () => loader.system(), select);
    }
    for (const { resource } of declared) for (const secret of secretsIn(resource.props)) this.redactor.add(secret);
    return declared;
  }

  async #plan(declared: readonly Declared[], loader: FactLoader, stage: number): Promise<readonly Planned[]> {
    const { host, emit } = this.#task;
    const system = loader.system();
    const planned = await planHost(declared, loader, this.#changed);
    rememberSystem(host, await system);
    this.#lastPlan = planned;
    emit({
      event: 'host-planned',
      host: host.name,
      stage,
      resources: planned.map((plan) => describePlan(plan, this.redactor)),
    });
    const impossible = planned.filter((plan) => plan.outcome === 'impossible');
    if (impossible[0]?.error !== undefined) {
      this.failedResource = impossible[0].key;
      this.failure = impossible[0].error.with({ others: impossible.slice(1).flatMap((plan) => plan.error ?? []) });
    }
    return planned;
  }

  /** What was applied must be in sync when read again; what needs applying twice would never come to rest. */
  #requireConverged(): void {
    const again = this.#lastPlan.find((plan) => plan.outcome === 'change' && this.#changed.has(plan.key));
    if (again === undefined) return;
    const [change] = again.changes;
    this.failedResource = again.key;
    this.failure = new LabError('NOT_CONVERGED', `${again.title} was applied, and is not as declared`, {
      at: again.resource.at,
      ...(change && {
        expected: `${change.attribute} ${describeChange(change, this.redactor).after}`,
        found: `${change.attribute} ${describeChange(change, this.redactor).before}`,
      }),
      hint: 'something on the host changes it back, or two resources declare different things for the same place',
    });
  }

  async #end(applier: Applier, end: StageEnd): Promise<HostStatus> {
    await applier.release(end);
    if (end === 'stopped') return 'interrupted';
    if (end === 'failed') return 'failed';
    this.#noticeDifferences();
    return this.#changed.size > 0 ? 'changed' : 'ok';
  }

  #listener() {
    const {
      host: { name: host },
      emit,
    } = this.#task;
    const base = ({ planned }: Action) => ({ host, resource: planned.key, title: planned.title });
    const shown = this.redactor.inPieces();
    const output = ({ planned }: Action, text: string) => {
      if (text !== '') emit({ event: 'resource-output', host, resource: planned.key, text });
    };
    return {
      started: (action: Action) => emit({ event: 'resource-started', ...base(action) }),
      output: (action: Action, text: string) => output(action, shown.push(text)),
      finished: (action: Action, durationMs: number, failure: LabError | undefined) => {
        output(action, shown.end());
        if (failure === undefined) this.#changed.add(action.planned.key);
        else {
          this.failure = failure;
          this.failedResource = action.planned.key;
        }
        emit({
          event: 'resource-finished',
          ...base(action),
          status: failure === undefined ? 'changed' : 'failed',
          changes: action.planned.changes.map((change) => describeChange(change, this.redactor)),
          durationMs,
          ...(failure && { failure: describeFailure(failure, this.redactor, action.planned.key) }),
        });
      },
      notice: (text: string) => emit({ event: 'host-notice', host, level: 'warning', text }),
    };
  }

  #differences(): readonly Planned[] {
    return this.firstPlan.filter(
      (plan) => plan.outcome !== 'known-after-apply' && (plan.outcome === 'change') !== this.#changed.has(plan.key),
    );
  }

  #noticeDifferences(): void {
    const {
      host: { name: host },
      emit,
    } = this.#task;
    for (const { title, outcome } of this.#differences()) {
      const text =
        outcome === 'change'
          ? `${title}: a change was planned, and was not needed`
          : `${title}: changed, which was not planned`;
      emit({ event: 'host-notice', host, level: 'warning', text });
    }
  }

  #wouldChange(): boolean {
    return this.firstPlan.some((plan) => plan.outcome === 'change' || plan.outcome === 'known-after-apply');
  }

  counts(status: HostStatus): HostCounts {
    const plan = this.#lastPlan.length > 0 ? this.#lastPlan : this.firstPlan;
    const of = (outcome: Planned['outcome']) => plan.filter((one) => one.outcome === outcome).length;
    const dry = this.#task.mode === 'check' || this.#task.mode === 'plan';
    const failed = this.failedResource === undefined ? 0 : Math.max(1, of('impossible'));
    const changed = dry ? of('change') : this.#changed.size;
    const known = dry ? of('known-after-apply') : 0;
    const settled = status === 'ok' || status === 'changed';
    const inSync = settled ? plan.length - changed : of('in-sync');
    const notReached = dry || settled ? 0 : Math.max(0, plan.length - inSync - changed - failed);
    const differences = settled && !dry ? this.#differences().length : 0;
    return {
      total: plan.length,
      inSync: Math.max(0, inSync),
      changed,
      knownAfterApply: known,
      failed,
      notReached,
      differences,
    };
  }
}

/** @throws LabError BECOME_REFUSED before anything is tried */
function requireRoot({ uid }: SystemFact): void {
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
  const due = upTo.filter((plan) => plan.outcome === 'change');
  // What is declared after a reboot waits until the host is back.
  return due.slice(0, due.findIndex(reboots) + 1 || due.length + 1);
}

function reboots(plan: Planned): boolean {
  return plan.changes.some((change) => change.reboots === true);
}

/** An error as events carry it: redacted, no stack. */
export function describeFailure(error: LabError, redactor: Redactor, resource: string | undefined): EventFailure {
  const { at, expected, found, output, hint, others } = error.details;
  const redact = (text: string | undefined) => (text === undefined ? undefined : redactor.redact(text));
  const command = /^exit code \d+ of: ([\s\S]*)$/.exec(found ?? '')?.[1];
  const message = [error.message, ...(others ?? []).map((other) => other.message)].join('; ');
  const fields = {
    resource,
    at,
    expected: redact(expected),
    found: redact(found),
    command: redact(command),
    output: redact(output),
    hint: redact(hint),
  };
  return {
    code: error.code,
    message: redactor.redact(message),
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  };
}
