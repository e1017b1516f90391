import type { DefaultRenderer, ListrTask } from 'listr2';
import type { HostStatus } from '../runner/events.ts';
import { count, riskOf, showDuration } from './describe.ts';
import { statusWord, summaryOf } from './outcome.ts';
import type { RendererOptions } from './renderer.ts';
import { type HostState, progressOf, type RunState, tailOf } from './run-state.ts';
import { type Paint, statusSigns, statusStyles } from './style.ts';
import { columnsOf, padTo, shorten, visibleLine } from './visible.ts';

type Task = ListrTask<unknown, typeof DefaultRenderer>;

/** A run that is over sooner shows no live display, and loads nothing for it. */
const delayMilliseconds = 150;
const refreshMilliseconds = 100;
const tailLines = 3;
/** A command shows its output when it has run for so long. */
const tailAfterMilliseconds = 1000;
const showSecondsFrom = 5;
const leftBehind: ReadonlySet<HostStatus> = new Set(['failed', 'reverted', 'unreachable']);

/**
 * The live tree: one listr2 task per host, whose title tells what the host does now. Titles are set at a fixed pace
 * instead of at each event, so that a talkative command costs no more than a silent one.
 */
export class LiveView {
  readonly #state: RunState;
  readonly #options: RendererOptions;
  readonly #paint: Paint;
  #starting: Promise<void> | undefined;
  #stop: (() => void) | undefined;
  #announcement = '';
  #shown = false;

  constructor(state: RunState, options: RendererOptions, paint: Paint) {
    this.#state = state;
    this.#options = options;
    this.#paint = paint;
  }

  start(): void {
    if (this.#starting !== undefined) return;
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve;
    });
    this.#starting = this.#show(stopped);
  }

  /** A line under the tree, which would hide what is written to stderr until its end. */
  announce(text: string): void {
    this.#announcement = text;
    if (!this.#shown) process.stderr.write(`${text}\n`);
  }

  /** Takes the display away and gives the terminal back. */
  async stop(): Promise<void> {
    this.#stop?.();
    await this.#starting;
    this.#starting = undefined;
  }

  async #show(stopped: Promise<void>): Promise<void> {
    const waited = new Promise<'waited'>((resolve) => setTimeout(resolve, delayMilliseconds, 'waited').unref());
    if ((await Promise.race([stopped, waited])) !== 'waited') return;
    const listr = await import('listr2');
    this.#shown = true;
    await this.#tree(listr, stopped).run();
    this.#shown = false;
  }

  #tree(listr: typeof import('listr2'), stopped: Promise<void>): { run(): Promise<unknown> } {
    const { ListrDefaultRendererLogLevels: Level, ListrLogger, ProcessOutput } = listr;
    const stream = this.#options.stream as NodeJS.WriteStream;
    // listr2 looks at process.stdout; whether there is a terminal was decided for the stream of this renderer.
    class Tree extends listr.DefaultRenderer {
      static override nonTTY = true;
    }
    // The default renderer hides whatever fails; here nothing fails, since a host's outcome is part of its title.
    return new listr.Listr<unknown, typeof Tree, 'silent'>([...this.#tasks(stopped), this.#footer(stopped)], {
      concurrent: true,
      exitOnError: false,
      collectErrors: 'minimal',
      registerSignalListeners: false,
      renderer: Tree,
      fallbackRenderer: 'silent',
      fallbackRendererCondition: false,
      rendererOptions: {
        clearOutput: true,
        formatOutput: 'truncate',
        removeEmptyLines: false,
        logger: new ListrLogger({ useIcons: true, toStderr: [], processOutput: new ProcessOutput(stream) }),
        icon: { [Level.COMPLETED]: ' ' },
        color: { [Level.PENDING]: (text = '') => this.#paint('cyan', text) },
      },
    });
  }

  #tasks(stopped: Promise<void>): Task[] {
    const hosts = [...this.#state.hosts.values()];
    const width = Math.max(0, ...hosts.map(({ name }) => columnsOf(visibleLine(name))));
    const rows = Math.max(3, (this.#options.rows ?? 24) - 4);
    if (hosts.length <= rows) {
      const lines = Math.min(tailLines, Math.floor((rows - hosts.length) / hosts.length));
      return hosts.map((host) => {
        const title = () => this.#title(host, width, lines);
        return this.#task(stopped, title, () => host.phase === 'finished');
      });
    }
    // More hosts than rows: those at work, as far as there is room, and how many there are of the rest.
    const busy = () => hosts.filter(({ phase }) => phase !== 'waiting' && phase !== 'finished');
    const slots = Array.from({ length: rows - 1 }, (_, index) =>
      this.#task(stopped, () => {
        const host = busy()[index];
        return host === undefined ? '' : this.#title(host, width, 0);
      }),
    );
    return [...slots, this.#task(stopped, () => this.#summary(hosts, Math.max(0, busy().length - slots.length)))];
  }

  #footer(stopped: Promise<void>): Task {
    const allOver = () => [...this.#state.hosts.values()].every(({ phase }) => phase === 'finished');
    return this.#task(stopped, () => this.#announced, allOver);
  }

  get #announced(): string {
    return this.#announcement === '' ? '' : this.#paint('yellow', this.#announcement);
  }

  #task(stopped: Promise<void>, title: () => string, isOver = () => false): Task {
    return {
      title: title(),
      task: async (_context, wrapper) => {
        let timer: NodeJS.Timeout | undefined;
        const over = new Promise<void>((resolve) => {
          timer = setInterval(() => {
            // Past the wrapper's setter, which would draw the whole tree anew for each title; the spinner draws it anyway.
            wrapper.task.title = title();
            if (isOver()) resolve();
          }, refreshMilliseconds);
        });
        await Promise.race([stopped, over]);
        clearInterval(timer);
      },
    };
  }

  #title(host: HostState, width: number, lines: number): string {
    const columns = this.#columns - 6;
    const name = this.#paint('bold', padTo(visibleLine(host.name), width));
    const first = `${name}  ${this.#doing(host, columns - width - 2)}`;
    const runsLong = host.current !== undefined && Date.now() - host.current.startedAt > tailAfterMilliseconds;
    // A connection that is lost while a step runs is told instead of what the step writes.
    const tail =
      host.current && host.lately
        ? [visibleLine(host.lately.text)].slice(0, lines)
        : runsLong
          ? tailOf(host, lines)
          : [];
    const shown = tail.map((line) => this.#paint('dim', shorten(`│ ${line.replaceAll('\t', ' ')}`, columns)));
    return [first, ...shown].join('\n');
  }

  #doing(host: HostState, columns: number): string {
    const { result, current, phase, lately } = host;
    if (result !== undefined) {
      const word = `${statusSigns[result.status]} ${statusWord(result, this.#state.mode)}`;
      const summary = shorten(summaryOf(host, this.#state), columns - columnsOf(word) - 2);
      return `${this.#paint(statusStyles[result.status], word)}  ${this.#paint('dim', summary)}`;
    }
    if (current !== undefined) {
      const { done, total } = progressOf(host);
      const step = total === 0 ? '' : `step ${done + 1}/${Math.max(total, done + 1)}  `;
      const seconds = Math.floor((Date.now() - current.startedAt) / 1000);
      const since = seconds < showSecondsFrom ? '' : `  ${showDuration(seconds * 1000)}`;
      const title = shorten(visibleLine(current.title), columns - step.length - since.length);
      return `${this.#paint('cyan', step)}${title}${this.#paint('dim', since)}`;
    }
    const word = phase === 'applying' ? afterStep(host) : phase;
    // A lost connection, a reboot that is waited for, a fresh login that does not come: as long as nothing else is heard.
    const told = lately === undefined ? word : shorten(`${word}: ${visibleLine(lately.text)}`, columns);
    return this.#paint(lately?.level === 'warning' ? 'yellow' : 'dim', told);
  }

  /** As wide as the terminal is now. */
  get #columns(): number {
    return (this.#options.stream as Partial<NodeJS.WriteStream>).columns ?? this.#options.columns;
  }

  #summary(hosts: readonly HostState[], more: number): string {
    const done = hosts.filter(({ phase }) => phase === 'finished').length;
    const failed = hosts.filter(({ result }) => result !== undefined && leftBehind.has(result.status)).length;
    const parts = [`${done} of ${count(hosts.length, 'host')} done`];
    if (failed > 0) parts.push(this.#paint('red', `${failed} failed`));
    if (more > 0) parts.push(`${more} more at work`);
    return parts.join(', ');
  }
}

/** What can cut the way in ends with the attempt to log in anew, which can take as long as the guard waits. */
function afterStep({ stages }: HostState): string {
  const last = stages.flat().findLast(({ finished }) => finished !== undefined);
  return riskOf(last?.finished?.changes ?? []) === undefined ? 'verifying' : 'logging in anew';
}
