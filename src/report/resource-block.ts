import type { PlannedChange } from '../runner/events.ts';
import { isCreation, isRemoval, phraseOf, riskOf, titleOf } from './describe.ts';
import type { ResourceState } from './run-state.ts';
import type { Paint, Style } from './style.ts';
import { columnsOf, outputLines, visibleLine } from './visible.ts';

export interface BlockOptions {
  readonly diff: boolean;
  readonly verbose: boolean;
  /** What there is to say of a change that was planned and not done; nothing where none was to be done. */
  readonly unfinished: string;
  readonly columns: number;
  readonly paint: Paint;
}

const longestDiff = 24;

interface Note {
  readonly style: Style;
  readonly text: string;
}

/** The lines about one resource of a host, for the terminal; none for one that says nothing. */
export function resourceBlock(state: ResourceState, options: BlockOptions): string[] {
  const { paint, verbose } = options;
  const { planned, finished } = state;
  const changes = finished?.changes ?? planned.changes;
  const mark = markOf(state, changes);
  if (mark === inSync && !verbose) return [];
  const creation = isCreation(changes);
  const said = mark === unknown || mark === inSync ? [] : changes.map((change) => phraseOf(change, { creation }));
  const notes = [...said.map((text): Note => ({ style: 'dim', text })), ...remarks(state, changes, options)];

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

/** What there is to say beside the changes themselves. */
function remarks(
  { planned: { outcome, reason }, finished, undone }: ResourceState,
  changes: readonly PlannedChange[],
  { unfinished }: BlockOptions,
): Note[] {
  const risk = undone === undefined ? riskOf(changes) : undefined;
  const isLeft = outcome === 'change' && finished === undefined && undone === undefined;
  return [
    ...(reason === undefined ? [] : [{ style: 'dim' as Style, text: visibleLine(reason) }]),
    ...(isLeft && unfinished !== '' ? [{ style: 'dim' as Style, text: unfinished }] : []),
    ...(risk === undefined ? [] : [{ style: 'yellow' as Style, text: `! ${risk}` }]),
    ...(undone?.complete === true ? [{ style: 'magenta' as Style, text: 'taken back' }] : []),
    ...(undone?.complete === false ? [{ style: 'red' as Style, text: 'could not be taken back in full' }] : []),
  ];
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
const takenBack: Mark = { sign: '↶', style: 'magenta', title: 'reset' };
const leftOver: Mark = { sign: '↶', style: 'red', title: 'bold' };
const changed: Mark = { sign: '~', style: 'yellow', title: 'reset' };

function markOf({ planned: { outcome }, finished, undone }: ResourceState, changes: readonly PlannedChange[]): Mark {
  if (undone !== undefined) return undone.complete ? takenBack : leftOver;
  if (finished?.status === 'failed' || outcome === 'impossible') return failed;
  if (finished === undefined && outcome === 'known-after-apply') return unknown;
  if (changes.length === 0) return inSync;
  if (changes.every(({ trigger }) => trigger !== undefined)) return triggered;
  if (isCreation(changes)) return created;
  return isRemoval(changes) ? removed : changed;
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
