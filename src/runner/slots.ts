/** A number of tasks at a time, of which one that only waits gives its place to another. */
export class Slots {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<Value>(task: () => Promise<Value>): Promise<Value> {
    await this.#take();
    try {
      return await task();
    } finally {
      this.#give();
    }
  }

  /** Inside a task: waits without its place. */
  async pause<Value>(wait: () => Promise<Value>): Promise<Value> {
    this.#give();
    try {
      return await wait();
    } finally {
      await this.#take();
    }
  }

  async #take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
  }

  #give(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
