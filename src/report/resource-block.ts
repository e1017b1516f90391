import type { PlannedChange, PlannedResource, ResourceFinished } from '../runner/events.ts';
import { isCreation, isRemoval, phraseOf, riskOf } from './describe.ts';
import type { Stage } from './run-state.ts';
import type { Paint, Style } from './style.ts';
import { columnsOf, outputLines, visibleLine } from './visible.ts';

interface BlockOptions {
  readonly diff: boolean;
  readonly verbose: boolean;
  /** `--check` and `lab plan`: what is planned will not be done by this run. */
  readonly onlyReads: boolean;
  readonly columns: number;
  readonly paint: Paint;
}

const longestDiff = 24;

/** The lines about one resource of a host, for the terminal; none for one that says nothing. */
function resourceBlock(
  planned: PlannedResource,
  finished: ResourceFinished | undefined,
  options: BlockOptions,
): string[] {
  const { paint, onlyReads, verbose } = options;
  const changes = finished?.changes ?? planned.changes;
  const mark = markOf(planned, finished, changes);
  if (mark === inSync && !verbose) return [];
  const creation = isCreation(changes);
  const risk = riskOf(changes);
  const notes = [
    ...(mark === unknown || mark === inSync ? [] : changes.map((change) => phraseOf(change, { creation }))),
    ...(planned.reason === undefined ? [] : [visibleLine(planned.reason)]),
    ...(planned.outcome === 'change' && finished === undefined && !onlyReads ? ['not reached'] : []),
  ].map((text) => ({ style: 'dim' as Style, text }));
  if (risk !== undefined) notes.push({ style: 'yellow', text: `! ${risk}` });

  const { title, resource } = titleOf(planned);
  const head = [paint(mark.title, title), ...(resource === '' ? [] : [paint('dim', resource)])].join(' ');
  const first = `  ${paint(mark.style, mark.sign)} ${head}`;
  const details = notes.map(({ style, text }) => paint(style, text));
  const width = columnsOf([title, resource, ...notes.map(({ text }) => text)].join(' · ')) + 4;
  const lines =
    width <= options.columns
      ? [details.length === 0 ? first : `${first}  ${details.join(paint('dim', ' · '))}`]
      : [first, ...details.map((detail) => `      ${detail}`)];
  return options.diff ? [...lines, ...changes.flatMap(({ diff }) => diffLines(diff, options))] : lines;
}

interface Mark {
  readonly sign: string;
  readonly style: Style;
  readonly title: Style;
}
const inSync: Mark = { sign: '=', style: 'dim', title: 'dim' };
const unknown: Mark = { sign: '?', style: 'cyan', title: 'reset' };
const failed: Mark = { sign: '✘', style: 'red', title: 'bold' };
const triggered: Mark = { sign: '↻', style: 'blue', title: 'reset' };
const created: Mark = { sign: '+', style: 'green', title: 'reset' };
const removed: Mark = { sign: '-', style: 'red', title: 'reset' };
const changed: Mark = { sign: '~', style: 'yellow', title: 'reset' };

function markOf(
  { outcome }: PlannedResource,
  finished: ResourceFinished | undefined,
  changes: readonly PlannedChange[],
): Mark {
  if (finished?.status === 'failed' || outcome === 'impossible') return failed;
  if (finished === undefined && outcome === 'known-after-apply') return unknown;
  if (changes.length === 0) return inSync;
  if (changes.every(({ trigger }) => trigger !== undefined)) return triggered;
  if (isCreation(changes)) return created;
  return isRemoval(changes) ? removed : changed;
}

/** The title, and the resource beside it unless the title says it already. */
function titleOf({ title, resource }: PlannedResource): { readonly title: string; readonly resource: string } {
  const name = visibleLine(title);
  const key = visibleLine(resource);
  return name === '' || name === key ? { title: key, resource: '' } : { title: name, resource: key };
}

function diffLines(diff: string | undefined, { verbose, paint }: BlockOptions): string[] {
  if (diff === undefined || !diff.startsWith('@@')) return [];
  const lines = outputLines(diff);
  const shown = verbose || lines.length <= longestDiff + 1 ? lines : lines.slice(0, longestDiff);
  const leftOut = lines.length - shown.length;
  return [
    ...shown.map((line) => `      ${paint('dim', '│')} ${paint(diffStyle(line), line)}`),
    ...(leftOut > 0 ? [`      ${paint('dim', `│ … ${leftOut} more lines (--verbose shows them)`)}`] : []),
  ];
}

function diffStyle(line: string): Style {
  if (line.startsWith('+')) return 'green';
  if (line.startsWith('-')) return 'red';
  return line.startsWith('@@') ? 'cyan' : 'dim';
}

/** The blocks of a host, with a heading for each later stage; what a later stage plans again is told only there. */
export function hostBlock(stages: readonly Stage[], options: BlockOptions): string[] {
  return stages.flatMap((stage, index) => {
    const later = new Set(stages.slice(index + 1).flatMap(({ planned }) => planned.map(({ resource }) => resource)));
    const lines = resourcesOf(stage)
      .filter(({ resource, outcome }) => !(outcome === 'known-after-apply' && later.has(resource)))
      // A later stage reads all again; what was told as changed before need not be told as in sync.
      .filter(({ outcome }) => outcome !== 'in-sync' || index === 0)
      .flatMap((planned) => resourceBlock(planned, stage.finished.get(planned.resource), options));
    if (index === 0 || lines.length === 0) return lines;
    return [options.paint('cyan', `  stage ${stage.number}: what was known only after apply`), ...lines];
  });
}

/** What was planned, and whatever else was done nevertheless. */
function resourcesOf({ planned, finished }: Stage): readonly PlannedResource[] {
  const known = new Set(planned.map(({ resource }) => resource));
  const unplanned = [...finished.values()].filter(({ resource }) => !known.has(resource));
  return [
    ...planned,
    ...unplanned.map(
      ({ resource, title, changes }): PlannedResource => ({
        resource,
        title,
        role: null,
        at: null,
        outcome: 'change',
        changes,
      }),
    ),
  ];
}
