import type { RunEvent } from '../runner/events.ts';
import type { ProcedureEvent } from '../runner/procedure.ts';
import { formatError } from '../shared/errors.ts';
import { createRenderer } from './create-renderer.ts';
import { jsonLine } from './json-renderer.ts';
import { LineWriter, type Renderer, type RendererOptions } from './renderer.ts';
import { painter } from './style.ts';
import { visible, visibleLine } from './visible.ts';

/** Shows a procedure: a line for each step; the runs that steps are only with `verbose`, and as NDJSON. */
export type ProcedureRenderer = Renderer & { procedure(event: ProcedureEvent): void };

export function procedureRenderer(name: string, options: RendererOptions): ProcedureRenderer {
  return options.output === 'json' ? ndjson(name, options) : lines(name, options);
}

function ndjson(name: string, options: RendererOptions): ProcedureRenderer {
  const renderer = createRenderer(options);
  const writer = new LineWriter(options.stream);
  const began = performance.now();
  return {
    ...renderer,
    procedure: (event) => writer.line(jsonLine(toldAs(name, event, Math.round(performance.now() - began)))),
  };
}

/** As `docs/events.md` describes it. */
function toldAs(procedure: string, event: ProcedureEvent, ms: number): unknown {
  const base = { ms, event: `procedure-${event.event}`, procedure };
  switch (event.event) {
    case 'prepared':
      return { ...base, findings: event.findings, steps: event.steps.map(({ name, will }) => ({ name, will })) };
    case 'step-failed':
      return { ...base, step: event.name, code: event.error.code, message: event.error.message, durationMs: event.ms };
    case 'step-started':
      return { ...base, step: event.name, will: event.will };
    case 'step-finished':
      return { ...base, step: event.name, text: event.text, durationMs: event.ms };
    case 'undone':
      return { ...base, step: event.name, text: event.text };
    case 'waiting':
      return { ...base, text: event.text };
    case 'finished':
      return { ...base, exitCode: event.exitCode, pending: event.pending, text: event.text };
  }
}

function lines(name: string, options: RendererOptions): ProcedureRenderer {
  const writer = new LineWriter(options.stream);
  const paint = painter(options.colors);
  let inner: Renderer | undefined;
  let steps: Extract<ProcedureEvent, { event: 'prepared' }>['steps'] = [];
  const width = () => Math.max(0, ...steps.map((step) => step.name.length));
  const show = (text: string) => writer.line(visible(text));
  return {
    handle(event: RunEvent) {
      if (options.verbose) {
        if (event.event === 'run-started') inner = createRenderer({ ...options, output: 'plain' });
        inner?.handle(event);
      } else if (event.event === 'host-notice' && event.level === 'warning')
        show(`  ${paint('yellow', '!')} ${event.host}: ${event.text}`);
    },
    announce: (text) => void process.stderr.write(`${visibleLine(text)}\n`),
    suspend: async () => () => {},
    close: async () => {
      await inner?.close();
      await writer.flushed();
    },
    procedure(event) {
      switch (event.event) {
        case 'prepared':
          show(paint('bold', name));
          for (const finding of event.findings) show(`  ${finding}`);
          if (event.steps.length > 0) show('');
          steps = event.steps;
          return;
        case 'step-started':
          if (options.isTTY) show(paint('gray', `… ${event.name}: ${event.will}`));
          return;
        case 'step-finished':
          show(
            `${paint('green', '✔')} ${event.name.padEnd(width())}  ${event.text}  ${paint('gray', seconds(event.ms))}`,
          );
          return;
        case 'step-failed':
          show(`${paint('red', '✘')} ${event.name.padEnd(width())}  ${paint('gray', seconds(event.ms))}`);
          show(indent(formatError(event.error)));
          return;
        case 'undone':
          show(`${paint('yellow', '↶')} ${event.name.padEnd(width())}  ${event.text}`);
          return;
        case 'waiting':
          show(paint('gray', `  ${event.text}`));
          return;
        case 'finished':
          if (event.exitCode === 2)
            for (const step of steps) show(`${paint('yellow', '~')} ${step.name.padEnd(width())}  ${step.will}`);
          for (const line of event.pending) show(`${paint('yellow', '⚠')} pending  ${line}`);
          show('');
          show(event.text);
          return;
      }
    },
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
