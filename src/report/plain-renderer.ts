import type {
  HostFinished,
  PlannedResource,
  ResourceFinished,
  ResourceUndone,
  RunEvent,
  RunStarted,
} from '../runner/events.ts';
import { count, isCreation, nameOf, phraseOf, riskOf, showDuration, titleOfKey } from './describe.ts';
import { failureParts } from './failure.ts';
import { orphansShown } from './host-block.ts';
import { changedWord, statusWord, summaryOf } from './outcome.ts';
import type { Renderer, RendererOptions } from './renderer.ts';
import { LineWriter } from './renderer.ts';
import { failuresOf, type HostFailure, type HostState, RunState } from './run-state.ts';
import { exitNote, hintsOf, sentenceOf } from './sentence.ts';
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
        this.#writer.line(headingOf(event));
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
      case 'resource-undone':
        this.#resourceUndone(event);
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
    const hosts = [...this.#state.hosts.values()];
    for (const host of hosts) this.#orphans(host);
    for (const host of hosts) if (host.result !== undefined) this.#recap(host, host.result);
    for (const failure of failuresOf(this.#state)) this.#failure(failure);
    for (const hint of hintsOf(this.#state)) this.#writer.line(hint);
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
    } else if (onlyReads) this.#changes(host, planned);
  }

  #resourceFinished(event: ResourceFinished): void {
    if (event.status === 'changed') {
      this.#changes(event.host, event);
    } else {
      const why = event.failure === undefined ? '' : `${event.failure.code}: ${visibleLine(event.failure.message)}`;
      this.#line(event.host, 'failed', nameOf(event), why);
    }
  }

  #resourceUndone(event: ResourceUndone): void {
    if (event.complete) this.#line(event.host, 'taken back', nameOf(event));
    else this.#line(event.host, 'not taken back', nameOf(event), 'could not be taken back in full');
  }

  #orphans(host: HostState): void {
    const { shown, more } = orphansShown(this.#state.orphansLeft(host), this.#options.verbose);
    for (const { resource, role } of shown)
      this.#line(
        host.name,
        'no longer declared',
        nameOf({ resource, title: titleOfKey(resource) }),
        role === null ? '' : `role ${visibleLine(role)}`,
      );
    if (more > 0) this.#line(host.name, 'no longer declared', `and ${more} more (--verbose shows them)`);
  }

  #changes(host: string, resource: Pick<PlannedResource, 'resource' | 'title' | 'changes'>): void {
    const creation = isCreation(resource.changes);
    const phrases = resource.changes.map((change) => phraseOf(change, { creation }));
    const risk = riskOf(resource.changes);
    const what = changedWord(this.#state.mode);
    this.#line(host, what, nameOf(resource), phrases.join('; '), ...(risk === undefined ? [] : [risk]));
    if (!this.#options.diff) return;
    for (const { diff } of resource.changes) {
      if (diff?.startsWith('@@')) for (const line of diff.split('\n')) this.#line(host, 'diff', visibleLine(line));
    }
  }

  #recap(host: HostState, result: HostFinished): void {
    const summary = summaryOf(host, this.#state) || 'nothing done';
    const cost = `${count(result.roundTrips, 'round trip')}, ${showDuration(result.durationMs)}`;
    const status = this.#paint(statusStyles[result.status], statusWord(result, this.#state.mode));
    this.#line(host.name, 'recap', status, summary, cost);
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

/** A rollback is named after what it takes back, a run after its playbook. */
function headingOf({ mode, playbook, hosts }: RunStarted): string {
  const on = `on ${count(hosts.length, 'host')}`;
  if (mode === 'resume') return `resume ${on}`;
  if (mode === 'rollback-check') return `rollback, only a check: ${visibleLine(playbook)}, ${on}`;
  if (mode === 'rollback') return `rollback: ${visibleLine(playbook)}, ${on}`;
  return `${mode} ${visibleLine(playbook)} ${on}`;
}

function ending(state: RunState): string {
  const note = exitNote(state);
  return note === undefined ? sentenceOf(state) : `${sentenceOf(state)} (${note})`;
}

const wordStyles: Readonly<Record<string, Parameters<Paint>[0]>> = {
  changed: 'yellow',
  'would change': 'yellow',
  'rolled back': 'yellow',
  'would roll back': 'yellow',
  'taken back': 'magenta',
  'not taken back': 'red',
  'no longer declared': 'cyan',
  failed: 'red',
  failure: 'red',
  impossible: 'red',
  warning: 'yellow',
  'known after apply': 'cyan',
};
