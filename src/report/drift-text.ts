import type { EventFailure, PlannedResource } from '../runner/events.ts';
import { isCreation, phraseOf, titleOf } from './describe.ts';
import type { DriftReport, HostDrift } from './drift-report.ts';
import { resourceBlock } from './resource-block.ts';
import { stageOf } from './run-state.ts';
import { type Paint, statusSigns, statusStyles } from './style.ts';
import type { Problem, Unproven } from './verify/verification.ts';
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
  if (failure !== undefined && !isTold(drifted, failure)) lines.push(...failureLines(status, failure, paint));
  else if (status === 'interrupted' || status === 'skipped') lines.push('  not checked');
  return lines;
}

/** With the resource that cannot be brought to the declared state. */
function isTold(drifted: readonly PlannedResource[], failure: EventFailure): boolean {
  return drifted.some(({ outcome, resource }) => outcome === 'impossible' && resource === failure.resource);
}

function failureLines(status: HostDrift['status'], { code, message, found }: EventFailure, paint: Paint): string[] {
  const kind = status === 'unreachable' ? 'unreachable' : 'failed';
  const head = `  ${paint(statusStyles[kind], statusSigns[kind])} ${code}: ${visibleLine(message)}`;
  return found === undefined ? [head] : [head, `      found ${visibleLine(found)}`];
}

/** What is not as declared, a sentence for each resource, and for a host that failed. */
export function driftProblems({ hosts }: DriftReport): Problem[] {
  return Object.entries(hosts).flatMap(([name, { status, drifted, failure }]) => [
    ...drifted.map((resource) => ({ text: `${name}: ${sentenceOf(resource)}`, hint: null, hosts: [name] })),
    ...(status === 'failed' && failure !== undefined && !isTold(drifted, failure)
      ? [{ text: `${name}: ${failure.code}: ${failure.message}`, hint: failure.hint ?? null, hosts: [name] }]
      : []),
  ]);
}

/** Hosts that could not be checked. */
export function driftUnproven({ hosts, error }: DriftReport): Unproven[] {
  const whole = error === undefined ? [] : [{ host: null, text: `${error.code}: ${error.message}` }];
  const unchecked = Object.entries(hosts).flatMap(([host, { status, failure }]) => {
    if (status !== 'unreachable' && status !== 'interrupted' && status !== 'skipped') return [];
    return [{ host, text: failure === undefined ? 'not checked' : `${failure.code}: ${failure.message}` }];
  });
  return [...whole, ...unchecked];
}

function sentenceOf(resource: PlannedResource): string {
  const { changes, reason } = resource;
  const creation = isCreation(changes);
  const said = [...changes.map((change) => phraseOf(change, { creation })), ...(reason === undefined ? [] : [reason])];
  const { title, resource: key } = titleOf(resource);
  return `${title}${key === '' ? '' : ` (${key})`}${said.length === 0 ? '' : `  ${said.join(' · ')}`}`;
}
