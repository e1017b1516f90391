import type { Orphan } from '../runner/events.ts';
import { titleOfKey } from './describe.ts';
import { type BlockOptions, resourceBlock } from './resource-block.ts';
import type { HostState, ResourceState } from './run-state.ts';
import { visibleLine } from './visible.ts';

export interface HostBlockOptions extends BlockOptions {
  /** What is no longer declared is removed or restored, too. */
  readonly prunes: boolean;
}

/** What there is to say about the resources of a host, each told where it was done or, if never, where it was planned last. */
export function hostBlock(
  { stages, orphans }: Pick<HostState, 'stages' | 'orphans'>,
  orphansLeft: readonly Orphan[],
  options: HostBlockOptions,
): string[] {
  const undeclared = new Set(orphans.map(({ resource }) => resource));
  const late = new Set<string>();
  const [first, second, pruned]: [string[], string[], string[]] = [[], [], []];
  stages.forEach((stage, index) => {
    const plannedAgain = new Set(stages.slice(index + 1).flatMap((later) => later.map(keyOf)));
    for (const state of stage) {
      const key = keyOf(state);
      if (!isToldHere(state, index, plannedAgain.has(key))) continue;
      const lines = resourceBlock(state, options);
      (undeclared.has(key) ? pruned : late.has(key) ? second : first).push(...lines);
    }
    for (const state of stage) if (state.planned.outcome === 'known-after-apply') late.add(keyOf(state));
  });
  const { paint } = options;
  return [
    ...first,
    ...(second.length === 0 ? [] : [paint('cyan', '  known only after apply'), ...second]),
    ...(pruned.length === 0 ? [] : [paint('cyan', '  no longer declared'), ...pruned]),
    ...orphanLines(orphansLeft, options),
  ];
}

function keyOf({ planned }: ResourceState): string {
  return planned.resource;
}

/** A later plan reads all again: what it plans anew is told there, and what was in sync from the beginning is told once. */
function isToldHere({ planned, finished, undone }: ResourceState, stage: number, plannedAgain: boolean): boolean {
  if (finished !== undefined || undone !== undefined) return true;
  return planned.outcome === 'in-sync' ? stage === 0 : !plannedAgain;
}

const mostOrphans = 10;

/** The first of them, and how many there are more. */
export function orphansShown(
  orphans: readonly Orphan[],
  verbose: boolean,
): { readonly shown: readonly Orphan[]; readonly more: number } {
  const shown = verbose ? orphans : orphans.slice(0, mostOrphans);
  return { shown, more: orphans.length - shown.length };
}

function orphanLines(orphans: readonly Orphan[], { paint, prunes, verbose }: HostBlockOptions): string[] {
  const { shown, more } = orphansShown(orphans, verbose);
  const sign = paint(prunes ? 'yellow' : 'dim', '∅');
  const lines = shown.map(({ resource, role }) => {
    const of = role === null ? '' : ` ${paint('dim', `(role ${visibleLine(role)})`)}`;
    return `  ${sign} ${paint('dim', 'no longer declared:')} ${titleOfKey(resource)}${of}`;
  });
  return more === 0 ? lines : [...lines, `  ${sign} ${paint('dim', `and ${more} more (--verbose shows them)`)}`];
}
