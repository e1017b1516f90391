import type { Writable } from 'node:stream';
import type { RunEvent } from '../runner/events.ts';

/** Shows a run to a person or a program. The only thing in a run that writes to stdout. */
export interface Renderer {
  handle(event: RunEvent): void;
  /**
   * Tells the person at once of something that is no event, such as that Ctrl-C was heard: under the live display while
   * there is one, on stderr otherwise.
   */
  announce(text: string): void;
  /**
   * Takes the live display away so that something else (a question to the user) can have the terminal; the returned
   * function brings it back.
   */
  suspend(): Promise<() => void>;
  /** Shows what is left, also of a run that broke off, and settles when all of it is written. */
  close(): Promise<void>;
}

export interface RendererOptions {
  readonly output: 'pretty' | 'plain' | 'json';
  /** Show how contents change. */
  readonly diff: boolean;
  /** Show also what is in sync, the live output of commands and whole diffs. */
  readonly verbose: boolean;
  readonly stream: Writable;
  /** Of the terminal; `pretty` becomes `plain` without a terminal and at 0 columns. */
  readonly columns: number;
  /** Default 24. */
  readonly rows?: number | undefined;
  readonly isTTY: boolean;
  readonly colors: boolean;
}

/** Writes lines, and can wait until they are out. */
export class LineWriter {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  /** A closed pipe (`lab run … | head`) is no mistake: what is left to say is dropped. */
  flushed(): Promise<void> {
    return new Promise((resolve) => this.#stream.write('', () => resolve()));
  }
}
