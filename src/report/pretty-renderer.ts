import type { RunEvent } from '../runner/events.ts';
import { count, showDuration } from './describe.ts';
import { failureParts } from './failure.ts';
import { hostBlock } from './host-block.ts';
import { LiveView } from './live-view.ts';
import { statusWord, summaryOf, unfinishedWord } from './outcome.ts';
import type { Renderer, RendererOptions } from './renderer.ts';
import { LineWriter } from './renderer.ts';
import { failuresOf, type HostFailure, type HostState, RunState } from './run-state.ts';
import { exitNote, hintsOf, sentenceOf } from './sentence.ts';
import { type Paint, painter, statusSigns, statusStyles } from './style.ts';
import { columnsOf, padTo, visibleLine } from './visible.ts';

/**
 * For a person at a terminal: while the run goes on, one live line per host; afterwards what changed on each host, one
 * recap line per host, the failures, and a sentence.
 */
export function prettyRenderer(options: RendererOptions): Renderer {
  const paint = painter(options.colors);
  const state = new RunState();
  const live = new LiveView(state, options, paint);
  return {
    handle(event: RunEvent): void {
      state.handle(event);
      if (event.event === 'run-started') live.start();
    },
    announce: (text) => live.announce(text),
    async suspend() {
      await live.stop();
      return () => live.start();
    },
    async close(): Promise<void> {
      await live.stop();
      const writer = new LineWriter(options.stream);
      if (state.started !== undefined) for (const line of report(state, options, paint)) writer.line(line);
      await writer.flushed();
    },
  };
}

function report(state: RunState, options: RendererOptions, paint: Paint): string[] {
  const hosts = [...state.hosts.values()];
  const failures = failuresOf(state).flatMap((failure) => ['', ...failureBlock(failure, options, paint)]);
  const note = exitNote(state);
  return [
    ...hostBlocks(hosts, state, options, paint),
    ...notices(hosts, paint),
    ...recap(hosts, state, options.columns, paint),
    ...failures,
    '',
    paint(state.finished?.exitCode === 0 ? ['bold', 'green'] : 'bold', sentenceOf(state)),
    ...hintsOf(state).map((hint) => paint('cyan', hint)),
    ...(note === undefined ? [] : [paint('dim', note)]),
  ];
}

const mostNames = 6;

/** Hosts about which the same is to be said share a block: twenty nodes in step are told once. */
function hostBlocks(hosts: readonly HostState[], state: RunState, options: RendererOptions, paint: Paint): string[] {
  const { diff, verbose, columns } = options;
  const together = new Map<string, string[]>();
  const { prunes } = state;
  for (const host of hosts) {
    const unfinished = unfinishedWord(host, state);
    const lines = hostBlock(host, state.orphansLeft(host), { diff, verbose, columns, unfinished, prunes, paint });
    const block = lines.join('\n');
    if (block !== '') together.set(block, [...(together.get(block) ?? []), visibleLine(host.name)]);
  }
  return [...together].flatMap(([block, names]) => {
    const same = names.length > 1 ? paint('dim', `  ${names.length} hosts, the same on each`) : '';
    const first = names.length > mostNames ? [...names.slice(0, mostNames), '…'] : names;
    return [`${paint('bold', first.join(', '))}${same}`, block, ''];
  });
}

function notices(hosts: readonly HostState[], paint: Paint): string[] {
  const lines = hosts.flatMap(({ name, notices }) =>
    notices.map(({ level, text }) => {
      const sign = level === 'warning' ? paint('yellow', '!') : paint('blue', 'i');
      return `${sign} ${paint('bold', visibleLine(name))}  ${visibleLine(text)}`;
    }),
  );
  return lines.length === 0 ? [] : [...lines, ''];
}

function recap(hosts: readonly HostState[], state: RunState, width: number, paint: Paint): string[] {
  const rows = hosts.map((host) => {
    const { name, result, phase } = host;
    if (result === undefined) {
      const what = phase === 'waiting' ? 'not begun' : 'broken off';
      return { style: statusStyles.interrupted, cells: [statusSigns.interrupted, visibleLine(name), what, '', '', ''] };
    }
    const { status, roundTrips, durationMs } = result;
    const cost = [count(roundTrips, 'round trip'), showDuration(durationMs)];
    return {
      style: statusStyles[status],
      cells: [statusSigns[status], visibleLine(name), statusWord(result, state.mode), summaryOf(host, state), ...cost],
    };
  });
  const widest = [0, 1, 2, 3, 4, 5].map((index) =>
    Math.max(0, ...rows.map(({ cells }) => columnsOf(cells[index] ?? ''))),
  );
  // One host with much to tell must not wrap the lines of all.
  const fits = widest.reduce((sum, columns) => sum + columns + 2, -3) <= width;
  const columns = fits ? widest.slice(0, 5) : widest.slice(0, 3);
  return rows.map(({ style, cells }) => {
    const [sign = '', name = '', status = '', summary = '', trips = '', seconds = ''] = cells.map((cell, index) =>
      padTo(cell, columns[index] ?? 0),
    );
    const cost = paint('dim', `${trips}  ${seconds}`.trimEnd());
    return `${paint(style, sign)} ${paint('bold', name)}  ${paint(style, status)}  ${summary}  ${cost}`.trimEnd();
  });
}

function failureBlock(failure: HostFailure, { verbose }: RendererOptions, paint: Paint): string[] {
  const sign = failure.reverted === undefined ? statusSigns.failed : statusSigns.reverted;
  const heading = `${paint('red', sign)} ${paint('bold', visibleLine(failure.host))}  ${visibleLine(failure.message)}  ${paint('dim', failure.code)}`;
  const parts = failureParts(failure, verbose).flatMap(({ label, lines }) => {
    const [first = '', ...rest] = lines;
    const style = label === 'hint' ? 'cyan' : label === 'at' ? 'underline' : undefined;
    const shown = (line: string) => (style === undefined || line === '' ? line : paint(style, line));
    const gap = ' '.repeat(14);
    if (label === 'output')
      return lines.map((line, index) => `    ${padTo(index === 0 ? label : '', 8)}  ${paint('dim', '│')} ${line}`);
    return [`    ${paint('dim', padTo(label, 8))}  ${shown(first)}`, ...rest.map((line) => `${gap}${shown(line)}`)];
  });
  return [heading, ...parts];
}
