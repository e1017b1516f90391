import type { StateFact } from '../remote/facts/loader.ts';
import { LabError } from '../shared/errors.ts';
import type { Applier } from './apply/apply-stage.ts';
import { compileStage, originFile } from './apply/compile.ts';
import { nextSegment } from './apply/segment.ts';
import type { Orphan } from './events.ts';
import type { HostReport } from './host-report.ts';
import { type Owned, orphansOf, ownedFile, ownedText, parseOwned, sha256 } from './journal/owned.ts';
import { JournalReader } from './journal/read.ts';
import { type Undoable, undoPlans } from './journal/undo.ts';
import type { HostLink } from './link.ts';
import type { Declared } from './plan/declare.ts';

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

  /** @param declared all that the playbook declares for the host, also what tags leave out */
  static async read(
    link: HostLink,
    { owned }: StateFact,
    playbook: string,
    declared: readonly Declared[],
  ): Promise<Ownership> {
    const known = owned.get(ownedFile(playbook));
    if (known === undefined) return new Ownership(link, playbook, [], declared);
    if (known === sha256(ownedText(playbook, declared))) return new Ownership(link, playbook, declared, declared);
    const text = await new JournalReader(link.session).owned(ownedFile(playbook));
    return new Ownership(link, playbook, parseOwned(text), declared);
  }

  get orphans(): readonly Owned[] {
    return orphansOf(this.#listed, this.#declared);
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
    const runs = new Map<string, Set<number>>();
    for (const { run: of, stage } of references) runs.set(of, (runs.get(of) ?? new Set()).add(stage));
    const all = await reader.actions([...runs].map(([of, stages]) => ({ run: of, stages: [...stages].sort() })));
    const wanted = new Set(references.map(({ run: of, stage, number }) => `${of}/${stage}/${number}`));
    const undone = all.filter(
      ({ at, fate }) => fate === 'done' && wanted.has(`${at.run}/${at.stage}/${at.number}`),
    ) satisfies readonly Undoable[];
    await reader.verify(undone);
    let plans = undoPlans(undone);
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
    const byKey = new Map([...listed, ...selected].map(({ role, key }) => [key, { role, key }]));
    const text = ownedText(this.#playbook, byKey.values());
    if (byKey.size === 0 ? this.#listed.length === 0 : text === ownedText(this.#playbook, this.#listed)) return;
    await applier.lock(outcome.report);
    await applier.write(`owned/${ownedFile(this.#playbook)}`, text);
  }
}
