import type { HostFinished, PlannedResource, ResourceFinished, RunEvent } from '../runner/events.ts';
import {
  count,
  exitNote,
  isCreation,
  nameOf,
  phraseOf,
  riskOf,
  sentenceOf,
  showCounts,
  showDuration,
  statusWords,
} from './describe.ts';
import { failureParts } from './failure.ts';
import type { Renderer, RendererOptions } from './renderer.ts';
import { LineWriter } from './renderer.ts';
import { failuresOf, type HostFailure, RunState } from './run-state.ts';
import { type Paint, painter, statusStyles } from './style.ts';
import { outputLines, visibleLine } from './visible.ts';

/** `host | what | …`, a line per event of interest: for logs, pipes and grep. */
export function plainRenderer(options: RendererOptions): Renderer {
  const renderer = new PlainRenderer(options);
  return {
    handle: (event) => renderer.handle(event),
    announce: (text) => void process.stderr.write(`${text}\n`),
    suspend: async () => () => {},
    close: () => renderer.close(),
  };
}

class PlainRenderer {
  readonly #options: RendererOptions;
  readonly #writer: LineWriter;
  readonly #paint: Paint;
  readonly #state = new RunState();

  constructor(options: RendererOptions) {
    this.#options = options;
    this.#writer = new LineWriter(options.stream);
    this.#paint = painter(options.colors);
  }

  handle(event: RunEvent): void {
    this.#state.handle(event);
    const { verbose } = this.#options;
    switch (event.event) {
      case 'run-started':
        this.#writer.line(`${event.mode} ${visibleLine(event.playbook)} on ${count(event.hosts.length, 'host')}`);
        break;
      case 'host-connecting':
      case 'host-connected':
        if (verbose) this.#line(event.host, event.event === 'host-connecting' ? 'connecting' : 'connected');
        break;
      case 'host-planned':
        for (const resource of event.resources) this.#planned(event.host, resource);
        break;
      case 'resource-started':
        if (verbose) this.#line(event.host, 'started', nameOf(event));
        break;
      case 'resource-output':
        if (verbose) for (const line of outputLines(event.text)) this.#line(event.host, 'output', line);
        break;
      case 'resource-finished':
        this.#resourceFinished(event);
        break;
      case 'host-notice':
        this.#line(event.host, event.level === 'warning' ? 'warning' : 'notice', visibleLine(event.text));
        break;
      case 'host-finished':
      case 'run-finished':
        break;
    }
  }

  async close(): Promise<void> {
    for (const { result } of this.#state.hosts.values()) if (result !== undefined) this.#recap(result);
    for (const failure of failuresOf(this.#state)) this.#failure(failure);
    if (this.#state.started !== undefined) this.#writer.line(ending(this.#state));
    await this.#writer.flushed();
  }

  #planned(host: string, planned: PlannedResource): void {
    const { onlyReads } = this.#state;
    const reason = planned.reason === undefined ? [] : [visibleLine(planned.reason)];
    if (planned.outcome === 'impossible') this.#line(host, 'impossible', nameOf(planned), ...reason);
    else if (planned.outcome === 'in-sync') {
      if (this.#options.verbose) this.#line(host, 'ok', nameOf(planned));
    } else if (planned.outcome === 'known-after-apply') {
      if (onlyReads || this.#options.verbose) this.#line(host, 'known after apply', nameOf(planned), ...reason);
    } else if (onlyReads) this.#changes(host, 'would change', planned);
  }

  #resourceFinished(event: ResourceFinished): void {
    if (event.status === 'changed') {
      this.#changes(event.host, 'changed', event);
    } else {
      const why = event.failure === undefined ? '' : `${event.failure.code}: ${visibleLine(event.failure.message)}`;
      this.#line(event.host, 'failed', nameOf(event), why);
    }
  }

  #changes(host: string, what: string, resource: Pick<PlannedResource, 'resource' | 'title' | 'changes'>): void {
    const creation = isCreation(resource.changes);
    const phrases = resource.changes.map((change) => phraseOf(change, { creation }));
    const risk = riskOf(resource.changes);
    this.#line(host, what, nameOf(resource), phrases.join('; '), ...(risk === undefined ? [] : [risk]));
    if (!this.#options.diff) return;
    for (const { diff } of resource.changes) {
      if (diff?.startsWith('@@')) for (const line of diff.split('\n')) this.#line(host, 'diff', visibleLine(line));
    }
  }

  #recap({ host, status, counts, roundTrips, durationMs }: HostFinished): void {
    const summary = showCounts(counts, this.#state.onlyReads).join(', ') || 'nothing done';
    const cost = `${count(roundTrips, 'round trip')}, ${showDuration(durationMs)}`;
    this.#line(host, 'recap', this.#paint(statusStyles[status], statusWords[status]), summary, cost);
  }

  #failure(failure: HostFailure): void {
    this.#line(failure.host, 'failure', `${failure.code}: ${visibleLine(failure.message)}`);
    for (const { label, lines } of failureParts(failure, this.#options.verbose)) {
      for (const line of lines) this.#line(failure.host, 'failure', label, line);
    }
  }

  #line(host: string, what: string, ...rest: readonly string[]): void {
    const word = this.#paint(wordStyles[what] ?? 'reset', what);
    this.#writer.line(
      [this.#paint('bold', visibleLine(host)), word, ...rest].filter((part) => part !== '').join(' | '),
    );
  }
}

function ending(state: RunState): string {
  const note = exitNote(state);
  return note === undefined ? sentenceOf(state) : `${sentenceOf(state)} (${note})`;
}

const wordStyles: Readonly<Record<string, Parameters<Paint>[0]>> = {
  changed: 'yellow',
  'would change': 'yellow',
  failed: 'red',
  failure: 'red',
  impossible: 'red',
  warning: 'yellow',
  'known after apply': 'cyan',
};
