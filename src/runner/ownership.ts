import type { FactLoader, StateFact } from '../remote/facts/loader.ts';
import { awaitedExportsOf } from '../resources/awaited-exports.ts';
import type { Step } from '../resources/contract.ts';
import { packagesIn, sparing } from '../resources/packages/manager.ts';
import { LabError } from '../shared/errors.ts';
import type { ActionPlan } from './apply/action-plan.ts';
import type { Applier } from './apply/apply-stage.ts';
import { compileStage, originFile } from './apply/compile.ts';
import { nextSegment } from './apply/segment.ts';
import type { Orphan } from './events.ts';
import type { HostReport } from './host-report.ts';
import { type Owned, orphansOf, ownedFile, ownedText, parseOwned, sha256, stillDeclared } from './journal/owned.ts';
import { JournalReader } from './journal/read.ts';
import { type Undoable, undoPlans } from './journal/undo.ts';
import type { HostLink } from './link.ts';
import type { Declared } from './plan/declare.ts';

/** The restarts that followed what is undone: what was restarted then has to know of it again. */
function restartsAfter(undone: readonly Undoable[], all: readonly Undoable[]): readonly Undoable[] {
  const titles = new Set(undone.map(({ action }) => action.title));
  const followed = all.filter(
    (one) =>
      !undone.includes(one) &&
      one.action.settle.length > 0 &&
      one.action.changes.some(({ trigger }) => trigger !== undefined && titles.has(trigger)),
  );
  const last = new Map(followed.map((one) => [one.action.key, one]));
  // Only the restart of it: what else that action changed stays.
  return [...last.values()].map(({ at, action }) => ({ at, action: { ...action, undo: [] } }));
}

/** Packages that are declared beside others by now stay when the resource that brought them goes. */
function sparePackages(plan: ActionPlan, names: readonly string[]): ActionPlan {
  if (packagesIn(plan.key).length === 0) return plan;
  const spare = (steps: readonly Step[]) => steps.map((step) => sparing(step, names));
  return { ...plan, apply: spare(plan.apply), redo: spare(plan.redo) };
}

/**
 * What a playbook manages on a host, by the host's own list: so that what is no longer declared is known. When the list is
 * as declared, that costs nothing beyond its checksum, which travels with the other reads.
 */
export class Ownership {
  readonly #link: HostLink;
  readonly #playbook: string;
  readonly #listed: readonly Owned[];
  readonly #declared: readonly Declared[];
  #pruned = new Set<string>();

  private constructor(link: HostLink, playbook: string, listed: readonly Owned[], declared: readonly Declared[]) {
    this.#link = link;
    this.#playbook = playbook;
    this.#listed = listed;
    this.#declared = declared;
  }

  /** Has the list read together with everything else, when it is not that of what is declared. */
  static expect(loader: FactLoader, playbook: string, declared: readonly Declared[]): void {
    loader.expectOwned(ownedFile(playbook), sha256(ownedText(playbook, declared)));
  }

  /** @param declared all that the playbook declares for the host, also what tags leave out */
  static async read(
    link: HostLink,
    state: StateFact,
    playbook: string,
    declared: readonly Declared[],
  ): Promise<Ownership> {
    const known = state.owned.get(ownedFile(playbook));
    if (known === undefined) return new Ownership(link, playbook, [], declared);
    if (known === sha256(ownedText(playbook, declared))) return new Ownership(link, playbook, declared, declared);
    const text = state.ownedText ?? (await new JournalReader(link.session).owned(ownedFile(playbook)));
    return new Ownership(link, playbook, parseOwned(text), declared);
  }

  /** Nothing while what is declared is not known in full: what other hosts still have to tell may declare it. */
  get orphans(): readonly Owned[] {
    const unknown = this.#declared.some(({ resource }) => awaitedExportsOf(resource).length > 0);
    return unknown ? [] : orphansOf(this.#listed, this.#declared);
  }

  /** The same as events tell it. */
  get orphansTold(): readonly Orphan[] {
    return this.orphans.map(({ role, key }) => ({ resource: key, role }));
  }

  /**
   * Removes what `lab` created and is no longer declared, and restores what it only changed: the first action that changed
   * each attribute of a resource knows what was there before.
   */
  async prune(applier: Applier, report: HostReport, run: string): Promise<void> {
    const { orphans } = this;
    if (orphans.length === 0) return;
    const reader = new JournalReader(this.#link.session);
    const origins = await reader.origins(orphans.map(({ key }) => originFile(key)));
    const references = [...origins.values()].flat();
    const runs = new Set(references.map(({ run: of }) => of));
    const all = await reader.actions((await reader.runs()).filter(({ run: of }) => runs.has(of)));
    const wanted = new Set(references.map(({ run: of, stage, number }) => `${of}/${stage}/${number}`));
    const undone = all.filter(
      ({ at, fate }) => fate === 'done' && wanted.has(`${at.run}/${at.stage}/${at.number}`),
    ) satisfies readonly Undoable[];
    await reader.verify(undone);
    const spared = stillDeclared(orphans, this.#declared);
    let plans = undoPlans([...undone, ...restartsAfter(undone, all)]).map((plan) => sparePackages(plan, spared));
    while (plans.length > 0) {
      const segment = nextSegment(plans, (plan) => plan);
      const end = await applier.apply(compileStage(run, applier.nextStage, segment), report.listener());
      if (end !== 'complete')
        throw report.failure ?? new LabError('STEP_FAILED', 'what is no longer declared could not be removed');
      plans = plans.slice(segment.length);
    }
    this.#pruned = new Set(orphans.map(({ key }) => key));
  }

  /** Writes the list anew when it is not as it should be: what is declared, and what is orphaned until it is pruned. */
  async write(
    applier: Applier,
    outcome: {
      readonly complete: boolean;
      readonly selected: readonly Declared[];
      readonly changed: ReadonlySet<string>;
      readonly report: HostReport;
    },
  ): Promise<void> {
    const listed = this.#listed.filter(({ key }) => !this.#pruned.has(key));
    const selected = outcome.complete
      ? outcome.selected
      : outcome.selected.filter(({ key }) => outcome.changed.has(key));
    const settled = selected.filter(({ resource }) => awaitedExportsOf(resource).length === 0);
    const byKey = new Map([...listed, ...settled].map(({ role, key }) => [key, { role, key }]));
    const text = ownedText(this.#playbook, byKey.values());
    if (byKey.size === 0 ? this.#listed.length === 0 : text === ownedText(this.#playbook, this.#listed)) return;
    await applier.lock(outcome.report);
    await applier.write(`owned/${ownedFile(this.#playbook)}`, text);
  }
}
