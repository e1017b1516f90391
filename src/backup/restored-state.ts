import { z } from 'zod';
import type { Facts, FileFact } from '../remote/facts/contract.ts';
import { showSize } from '../report/quantities.ts';
import type { Change, Step } from '../resources/contract.ts';
import { defineResource } from '../resources/define-resource.ts';
import { withRisk } from '../resources/shared/risk.ts';
import { LabError } from '../shared/errors.ts';
import { readOwnFile } from '../shared/own-package.ts';
import type { Declaration } from './declared.ts';
import type { KeptEntry } from './manifest.ts';
import { rootOf } from './path-pattern.ts';

/** What of a backup belongs to one declaration of a role. */
export interface RestoredPart {
  readonly declaration: Declaration;
  /** Sorted by path: a folder comes before what is in it. */
  readonly entries: readonly KeptEntry[];
}

/** There when a run has changed something on the host. */
const lastRunFile = '/var/lib/lab/last-run';

const units = (verb: string, names: readonly string[]): string[] => [
  ...['sh', '-c', readOwnFile('backup/units.sh'), 'lab-restore-units', verb, ...names],
];

interface Current {
  readonly facts: ReadonlyMap<string, FileFact>;
  readonly running: readonly string[];
  /** No run has changed anything here: what is there came with the machine. */
  readonly isNew: boolean;
}

/**
 * What a backup has of a host, put back as one: units that hold it are stopped, files take the place of those that are there,
 * units start again. When any of it fails, all of it is taken back.
 *
 * @throws LabError RESTORE_REFUSED when something else is there than in the backup, unless it may be replaced
 */
export const restoredState = defineResource({
  type: 'restored-state',
  props: z.strictObject({
    host: z.string(),
    madeAt: z.string(),
    parts: z.array(z.custom<RestoredPart>()),
    /** Path → bytes, of files. */
    contents: z.custom<ReadonlyMap<string, Uint8Array>>(),
    /** Replace what is there and differs. */
    force: z.boolean(),
    /** Replace the host keys that are there: the host was said to be a new machine. */
    isNewMachine: z.boolean(),
  }),
  id: ({ host }) => host,
  async read(host: Facts, { parts }): Promise<Current> {
    const paths = [...new Set(parts.flatMap(({ entries }) => entries.map(({ path }) => path)))];
    const names = parts.flatMap(({ declaration: { stops, reloads } }) => [...stops, ...reloads]);
    const [facts, lastRun, running] = await Promise.all([
      Promise.all(paths.map((path) => host.file(path))),
      host.file(lastRunFile),
      host.run(units('running', [...new Set(names)])),
    ]);
    return {
      facts: new Map(facts.map((fact) => [fact.path, fact])),
      running: running.stdout.split('\n').filter((line) => line !== ''),
      isNew: lastRun.kind === 'absent',
    };
  },
  diff({ parts, contents, madeAt, force, isNewMachine }, current): readonly Change[] {
    const changed = parts.filter(({ entries }) => entries.some((entry) => differs(entry, current.facts)));
    if (changed.length === 0) return [];
    const kept = force ? [] : changed.flatMap((part) => inTheWay(part, current, isNewMachine));
    if (kept.length > 0)
      throw new LabError('RESTORE_REFUSED', 'the host has other state than the backup', {
        expected: `nothing there, or what the backup of ${madeAt} has`,
        found: kept.join(', '),
        hint: 'it may be newer than the backup: lab restore --check --force shows what would be replaced, --force replaces it',
      });
    return withUnits(
      changed.flatMap((part) => changesOf(part, current.facts, contents)),
      changed,
      current.running,
    );
  },
});

/** Paths with something else than the backup has, which nobody said may be lost. */
function inTheWay({ declaration, entries }: RestoredPart, { facts, isNew }: Current, isNewMachine: boolean): string[] {
  if (declaration.hostKeys && (isNew || isNewMachine)) return [];
  const different = entries.filter((entry) => {
    const fact = factOf(entry, facts);
    return entry.kind !== 'directory' && fact.kind !== 'absent' && !sameContent(entry, fact);
  });
  return different.map(({ path }) => `${path} (role ${declaration.role})`);
}

function differs(entry: KeptEntry, facts: ReadonlyMap<string, FileFact>): boolean {
  const fact = factOf(entry, facts);
  if (entry.above) return fact.kind === 'absent';
  return !sameContent(entry, fact) || !sameAttributes(entry, fact);
}

function sameContent({ kind, sha256, target }: KeptEntry, fact: FileFact): boolean {
  if (fact.kind !== kind) return false;
  return kind === 'file' ? fact.sha256 === sha256 : kind === 'directory' || fact.target === target;
}

/** The mode of a link means nothing. */
function sameAttributes({ kind, mode, owner, group }: KeptEntry, fact: FileFact): boolean {
  const same = (wanted: string, name: string, id: number) => wanted === name || wanted === String(id);
  return (
    (kind === 'symlink' || fact.mode === mode) && same(owner, fact.owner, fact.uid) && same(group, fact.group, fact.gid)
  );
}

function factOf({ path }: KeptEntry, facts: ReadonlyMap<string, FileFact>): FileFact {
  const fact = facts.get(path);
  if (fact === undefined) throw new Error(`${path} was not read`);
  return fact;
}

/** A change for each path that was declared, with all that is below it. */
function changesOf(
  { declaration, entries }: RestoredPart,
  facts: ReadonlyMap<string, FileFact>,
  contents: ReadonlyMap<string, Uint8Array>,
): Change[] {
  const byRoot = new Map<string, KeptEntry[]>();
  for (const entry of entries.filter((each) => differs(each, facts))) {
    const root = declaration.paths.map((pattern) => rootOf(pattern, entry.path)).find((found) => found !== null);
    const name = root ?? entry.path;
    byRoot.set(name, [...(byRoot.get(name) ?? []), entry]);
  }
  return [...byRoot].flatMap(([root, those]) => withRisk([changeOf(root, those, facts, contents)], root, undefined));
}

/** Takes away folders that were made, as far as nobody has put anything into them since. */
const removeFolders = `for folder; do rmdir "$folder" 2>/dev/null || :; done`;

function changeOf(
  root: string,
  entries: readonly KeptEntry[],
  facts: ReadonlyMap<string, FileFact>,
  contents: ReadonlyMap<string, Uint8Array>,
): Change {
  const isThere = (entry: KeptEntry) => factOf(entry, facts).kind !== 'absent';
  const made = entries.filter((entry) => entry.kind === 'directory' && !isThere(entry)).map(({ path }) => path);
  return {
    attribute: root,
    before: entries.some((entry) => isThere(entry))
      ? describe(entries.filter(isThere), 'other than in the backup')
      : null,
    after: describe(entries, 'as in the backup'),
    apply: entries.flatMap((entry) => stepsFor(entry, contents)),
    revert: [
      ...[...entries].reverse().flatMap((entry) => revertOf(entry, factOf(entry, facts))),
      ...(made.length === 0
        ? []
        : [{ do: 'run' as const, argv: ['sh', '-c', removeFolders, 'lab-restore-folders', ...made.reverse()] }]),
    ],
  };
}

function describe(entries: readonly KeptEntry[], what: string): string {
  const files = entries.filter(({ kind }) => kind !== 'directory');
  if (files.length < 2) return what;
  return `${what}: ${files.length} files, ${showSize(files.reduce((sum, { size }) => sum + size, 0))}`;
}

function stepsFor(
  { path, kind, mode, owner, group, target }: KeptEntry,
  contents: ReadonlyMap<string, Uint8Array>,
): Step[] {
  if (kind === 'directory') return [{ do: 'directory', path, mode, owner, group }];
  if (kind === 'symlink')
    return [
      { do: 'symlink', path, target: target ?? '' },
      { do: 'owner', path, owner, group },
    ];
  return [{ do: 'write', path, content: contents.get(path) ?? new Uint8Array(), mode, owner, group }];
}

function revertOf({ path, kind }: KeptEntry, fact: FileFact): Step[] {
  if (kind !== 'directory' || (fact.kind !== 'absent' && fact.kind !== 'directory')) return [{ do: 'restore', path }];
  // What is in it is taken back by itself.
  if (fact.kind === 'absent') return [];
  return [{ do: 'directory', path, mode: fact.mode, owner: String(fact.uid), group: String(fact.gid) }];
}

/** Files are put back, or taken back, between the stopping of what holds them and its start. */
function withUnits(changes: readonly Change[], parts: readonly RestoredPart[], running: readonly string[]): Change[] {
  const of = (list: 'stops' | 'reloads') => {
    const names = new Set(parts.flatMap(({ declaration }) => declaration[list]));
    return running.filter((name) => names.has(name));
  };
  const [stops, reloads] = [of('stops'), of('reloads')];
  const step = (verb: string, names: readonly string[]): Step[] =>
    names.length === 0 ? [] : [{ do: 'run', argv: units(verb, names) }];
  const commands = parts.flatMap(({ declaration: { afterwards } }): Step[] =>
    afterwards ? [{ do: 'run', argv: afterwards }] : [],
  );
  const start = [...step('start', stops), ...step('reload', reloads)];
  const [first, ...others] = changes.map((change, index) =>
    index + 1 === changes.length ? { ...change, apply: [...change.apply, ...commands] } : change,
  );
  if (first === undefined || start.length === 0) return first === undefined ? [] : [first, ...others];
  return [
    { ...first, apply: [...step('stop', stops), ...first.apply], revert: [...first.revert, ...start] },
    ...others,
    {
      attribute: [...stops, ...reloads].join(' '),
      before: 'running',
      after: stops.length === 0 ? 'reloaded' : reloads.length === 0 ? 'stopped meanwhile' : 'stopped or reloaded',
      apply: start,
      revert: step('stop', stops),
    },
  ];
}
