import type { ExitCode } from '../shared/errors.ts';
import { quote } from '../shared/quote.ts';
import { Applier } from './apply/apply-stage.ts';
import type { Stage } from './apply/compile.ts';
import { controlScript } from './apply/control-script.ts';
import type { StageEnd } from './apply/follow-stage.ts';
import type { HostCounts, HostStatus, PlannedResource } from './events.ts';
import { type HostOperation, type OperationOptions, operateOnHosts } from './host-operation.ts';
import { statusOfEnd } from './host-report.ts';
import { type JournaledActionState, type JournaledRun, JournalReader } from './journal/read.ts';
import { recoverRun } from './recover.ts';

export interface ResumeOptions extends OperationOptions {
  readonly guardSeconds?: number | undefined;
}

export interface Resumed {
  readonly run: string;
  readonly exitCode: ExitCode;
  /** Playbooks of the runs that were found; they may declare more than the stage that was resumed. */
  readonly playbooks: ReadonlySet<string>;
  /** Hosts with such a run. */
  readonly hosts: readonly string[];
}

/**
 * Reads on where a run lost its controller: follows it when it is under way, tells how it ended, or does the rest of the
 * stage that was cut short. Needs no playbook, and can be called from any controller.
 */
export async function resume(options: ResumeOptions): Promise<Resumed> {
  const playbooks = new Set<string>();
  const hosts: string[] = [];
  const result = await operateOnHosts(options, 'resume', 'what was left alone', async (operation) => {
    const found = await new HostResume(operation, options).work();
    if (found.run !== undefined) {
      hosts.push(operation.report.host);
      if (found.run.meta !== undefined && found.run.meta.mode !== 'rollback') playbooks.add(found.run.meta.playbook);
    }
    return found;
  });
  return { ...result, playbooks, hosts };
}

interface Found {
  readonly status: HostStatus;
  readonly counts: HostCounts;
  readonly run: JournaledRun | undefined;
}

class HostResume {
  readonly #operation: HostOperation;
  readonly #options: ResumeOptions;
  /** As the journal told them before anything was resumed. */
  #actions: readonly JournaledActionState[] = [];

  constructor(operation: HostOperation, options: ResumeOptions) {
    this.#operation = operation;
    this.#options = options;
  }

  async work(): Promise<Found> {
    const { link, report } = this.#operation;
    let run = await this.#lastRun();
    if (run?.state === 'dead') {
      await recoverRun(link.session, run.run);
      run = await this.#lastRun();
    }
    const stageNumber = run?.stages.at(-1);
    if (run === undefined || stageNumber === undefined || !isLeft(run))
      return { ...this.#outcome('ok'), run: undefined };
    const actions = (await new JournalReader(link.session).actions([{ run: run.run, stages: [stageNumber] }])) ?? [];
    this.#actions = actions;
    report.notice(
      `run ${run.run} of ${run.who}, ${run.meta?.playbook ?? 'unknown playbook'}: ${words[run.state] ?? alone}`,
      'info',
    );
    report.planned(1, actions.map(described));
    const end = await this.#takeOver(run, stageNumber, actions);
    return { ...this.#outcome(statusOfEnd(end, report.changed.size)), run };
  }

  async #lastRun(): Promise<JournaledRun | undefined> {
    return (await new JournalReader(this.#operation.link.session).runs()).at(-1);
  }

  async #takeOver(run: JournaledRun, number: number, actions: readonly JournaledActionState[]): Promise<StageEnd> {
    const { link, report } = this.#operation;
    const applier = new Applier(link, {
      run: run.run,
      meta: run.meta ?? { version: 1, playbook: 'resume', mode: 'run', roles: [] },
      lastRun: run.run,
      guardSeconds: this.#options.guardSeconds,
    });
    const forward = () => void applier.stop();
    this.#options.stop.addEventListener('abort', forward, { once: true });
    try {
      const end = await applier.takeOver(stageOf(actions), number, run.state === 'interrupted', report.listener());
      if (run.unseen) await link.session.exchange(`${controlScript}\nlab_seen_end ${quote(run.run)} ${end}`, () => {});
      else await applier.release(end);
      return end;
    } finally {
      this.#options.stop.removeEventListener('abort', forward);
    }
  }

  #outcome(status: HostStatus): { readonly status: HostStatus; readonly counts: HostCounts } {
    const has = (key: string) => this.#operation.report.changed.has(key);
    const changed = this.#operation.report.changed.size;
    const failed = this.#operation.report.failure === undefined ? 0 : 1;
    const settled = status === 'ok' || status === 'changed';
    const total = this.#actions.length;
    const doneBefore = this.#actions.filter(({ fate, action }) => fate === 'done' && !has(action.key)).length;
    const inSync = settled ? total - changed : doneBefore;
    const notReached = settled ? 0 : Math.max(0, total - inSync - changed - failed);
    const rest = { knownAfterApply: 0, differences: 0, orphans: 0 };
    return { status, counts: { ...rest, total, inSync, changed, failed, notReached } };
  }
}

function isLeft({ state, unseen }: JournaledRun): boolean {
  return unseen || state === 'running' || state === 'interrupted';
}

const alone = 'it went on alone; this is what it did since';
const words: Readonly<Record<string, string>> = {
  stopped: 'it stopped when its controller was gone',
  reverted: 'it took back what it had done when its controller was gone',
  running: 'under way; following it',
  interrupted: 'it was cut short; doing the rest',
};

function described({ action: { key, title, role, changes } }: JournaledActionState): PlannedResource {
  return { resource: key, title, role, at: null, outcome: 'change', changes };
}

/** The stage as its own journal tells it: enough to follow it. */
function stageOf(actions: readonly JournaledActionState[]): Stage {
  return {
    actions: actions.map(({ action }) => ({
      number: action.number,
      plan: { ...action, at: null, apply: [], revert: action.undo, triggers: [], satisfies: [], reboots: false },
    })),
    program: '',
    plan: '',
    blobs: new Map(),
    sums: '',
    risky: actions.some(({ action }) => action.risky),
  };
}
