import type { EventFailure } from '../runner/events.ts';
import type { DriftReport, HostDrift } from './drift-report.ts';
import { resourceBlock } from './resource-block.ts';
import { stageOf } from './run-state.ts';
import { type Paint, statusSigns, statusStyles } from './style.ts';
import { visibleLine } from './visible.ts';

interface DriftTextOptions {
  /** Show how contents differ. */
  readonly diff: boolean;
  /** Width at which a resource takes more than one line. */
  readonly columns: number;
  readonly paint: Paint;
}

/** What is not as declared, host by host, and one sentence at the end. */
export function driftText({ hosts, summary }: DriftReport, options: DriftTextOptions): string {
  const blocks = Object.entries(hosts).flatMap(([name, host]) => {
    const lines = hostLines(host, options);
    return lines.length === 0 ? [] : [[options.paint('bold', visibleLine(name)), ...lines].join('\n')];
  });
  return [...blocks, summary].join('\n\n');
}

function hostLines({ status, drifted, unknown, failure }: HostDrift, options: DriftTextOptions): string[] {
  const { diff, columns, paint } = options;
  const lines = stageOf([...drifted, ...unknown]).flatMap((resource) =>
    resourceBlock(resource, { diff, columns, paint, verbose: true, unfinished: '' }),
  );
  // Told already, with the resource that cannot be brought to the declared state.
  const told = drifted.some(({ outcome, resource }) => outcome === 'impossible' && resource === failure?.resource);
  if (failure !== undefined && !told) lines.push(...failureLines(status, failure, paint));
  else if (status === 'interrupted' || status === 'skipped') lines.push('  not checked');
  return lines;
}

function failureLines(status: HostDrift['status'], { code, message, found }: EventFailure, paint: Paint): string[] {
  const kind = status === 'unreachable' ? 'unreachable' : 'failed';
  const head = `  ${paint(statusStyles[kind], statusSigns[kind])} ${code}: ${visibleLine(message)}`;
  return found === undefined ? [head] : [head, `      found ${visibleLine(found)}`];
}
