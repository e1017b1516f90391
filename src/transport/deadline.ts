/**
 * Time that an undertaking has, together with the caller's own AbortSignal. The clock stops while a person is asked.
 *
 * @example
 * using deadline = new Deadline(10, signal);
 * await dial(endpoint, deadline.signal);
 */
export class Deadline {
  /** Aborts when the time is over (`timedOut`), or with the caller's reason. */
  readonly signal: AbortSignal;
  readonly seconds: number;
  timedOut = false;

  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #forward = () => this.#controller.abort(this.#outer?.reason);
  #remaining: number;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(seconds: number, outer?: AbortSignal) {
    this.seconds = seconds;
    this.signal = this.#controller.signal;
    this.#remaining = seconds * 1000;
    this.#outer = outer;
    if (outer?.aborted) this.#forward();
    else outer?.addEventListener('abort', this.#forward, { once: true });
    this.#start();
  }

  /** Runs `work` with the clock stopped. */
  async pausedFor<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#timer);
    this.#remaining -= Date.now() - this.#startedAt;
    try {
      return await work();
    } finally {
      if (!this.signal.aborted) this.#start();
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#forward);
  }

  #start(): void {
    this.#startedAt = Date.now();
    this.#timer = setTimeout(
      () => {
        this.timedOut = true;
        this.#controller.abort(new DOMException(`not done within ${this.seconds} s`, 'TimeoutError'));
      },
      Math.max(0, this.#remaining),
    );
  }
}

/** Rejects with the signal's reason as soon as it aborts; the work itself goes on and must be torn down by the caller. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {}); // its late failure is nobody's any more
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
