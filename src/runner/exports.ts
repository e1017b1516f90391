import { isDeepStrictEqual } from 'node:util';
import type { Exports } from '../playbook/contract.ts';

/** Where exports outlast a run: the lock file, for hosts that a run does not reach. */
export interface ExportMemory {
  recall(host: string, role: string): Exports | undefined;
  remember(host: string, role: string, exports: Exports): void;
}

/** No memory: every export is unknown until its host was read. */
export const noMemory: ExportMemory = { recall: () => undefined, remember: () => {} };

/**
 * The exports of all hosts during a run. What a host exported is known to the others at once; whoever needs what is not known
 * yet waits until the host that is at work has told it, or has ended without.
 */
export class ExportStore {
  readonly #memory: ExportMemory;
  /** What was told in this run; null by a host that has nothing to tell yet. */
  readonly #known = new Map<string, Exports | null>();
  /** Hosts at work that may still tell something. */
  readonly #working = new Set<string>();
  /** Of those, hosts that wait for others: host → whether something that it took is different by now. */
  readonly #resting = new Map<string, () => boolean>();
  /** Hosts that are worked on together: they can still be given something that another one has made. */
  #batch: ReadonlySet<string> = new Set();
  /** Hosts that were read in this run, and have told what there was to tell. */
  readonly #read = new Set<string>();
  readonly #agreed = new Map<string, unknown>();
  #waiting: (() => void)[] = [];

  constructor(memory: ExportMemory) {
    this.#memory = memory;
  }

  /** These hosts are at work together: what one of them tells, the others wait for. */
  expect(hosts: Iterable<string>): void {
    this.#batch = new Set(hosts);
    for (const host of this.#batch) this.#working.add(host);
  }

  /** What all hosts of the run have the same of, made by whoever asks first. */
  agreed<Value>(name: string, make: () => Value): Value {
    if (!this.#agreed.has(name)) this.#agreed.set(name, make());
    return this.#agreed.get(name) as Value;
  }

  of(host: string, role: string): Exports | undefined {
    const known = this.#known.get(keyOf(host, role));
    // A host that was installed anew has nothing of what is remembered of it.
    return known === null ? undefined : (known ?? this.#memory.recall(host, role));
  }

  /** Whether the host may still export in this run. */
  isExpected(host: string): boolean {
    return this.#working.has(host);
  }

  /** Whether the host has said in this run what the role exports. */
  hasTold(host: string, role: string): boolean {
    return this.#known.get(keyOf(host, role)) != null;
  }

  publish(host: string, role: string, exports: Exports | null): void {
    this.#known.set(keyOf(host, role), exports);
    if (exports !== null) this.#memory.remember(host, role, exports);
    this.#wake();
  }

  /** The host was read: whatever it can tell before it is changed is told. */
  markRead(host: string): void {
    this.#read.add(host);
    this.#wake();
  }

  /** Whether a host at work was read, or is not waited for. */
  isRead(host: string): boolean {
    return this.#read.has(host) || !this.#working.has(host);
  }

  wasRead(host: string): boolean {
    return this.#read.has(host);
  }

  /** Whether the host is being worked on, or was, with those that are: what was read of an earlier batch may be old by now. */
  reaches(host: string): boolean {
    return this.#batch.has(host) && (this.#read.has(host) || this.#working.has(host));
  }

  /** The host tells nothing more. */
  finish(host: string): void {
    this.#working.delete(host);
    this.#resting.delete(host);
    this.#wake();
  }

  /**
   * The host has done what it could: waits until others have told what the view has taken from them. What has been told meanwhile
   * may let it go on and tell more, for others who wait; only when all hosts wait, and none of them could go on, nothing more comes.
   */
  async rest(host: string, view: ExportView): Promise<void> {
    if (view.isOpen()) {
      this.#resting.set(host, () => view.isOutdated());
      this.#wake();
      await this.until(() => !view.isOpen() || (this.#allRest() && view.isOutdated()));
      this.#resting.delete(host);
    }
    if (!view.isOutdated()) this.finish(host);
  }

  #allRest(): boolean {
    return [...this.#working].every((host) => this.#resting.has(host));
  }

  /** When nobody is left who could tell more, nobody is waited for. */
  #endWhenAllRest(): void {
    if (this.#resting.size === 0 || !this.#allRest()) return;
    if ([...this.#resting.values()].some((isOutdated) => isOutdated())) return;
    this.#working.clear();
  }

  /** Resolves when `done` gives true; asked again after everything that happens. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    this.#endWhenAllRest();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

interface Taken {
  readonly exports: Exports | undefined;
  /** Whether this run reads the host. */
  readonly reached: boolean;
  /** Whether it is not known yet, and may be later in this run. */
  readonly awaited: boolean;
}

interface Seen {
  readonly host: string;
  readonly role: string;
  readonly enough: (exports: Exports) => boolean;
  readonly taken: Taken;
}

/** What one host has taken from its own exports and those of others. */
export class ExportView {
  readonly #store: ExportStore;
  readonly #host: string;
  #seen = new Map<string, Seen>();

  constructor(store: ExportStore, host: string) {
    this.#store = store;
    this.#host = host;
  }

  /** Forgets what was taken: everything is declared anew. */
  clear(): void {
    this.#seen = new Map();
  }

  /** @param enough whether what is known of the host will do; else it may still tell more in this run */
  of(host: string, role: string, enough: (exports: Exports) => boolean = () => true): Taken {
    const taken = this.#look(host, role, enough);
    this.#seen.set(keyOf(host, role), { host, role, enough, taken });
    return taken;
  }

  agreed<Value>(name: string, make: () => Value): Value {
    return this.#store.agreed(name, make);
  }

  /** Whether every host that something was taken from has been read: what is known of them is not older than this run. */
  areRead(): boolean {
    return [...this.#seen.values()].every(({ host }) => this.#store.isRead(host));
  }

  /** Whether another host that something was taken from, or wanted, may still say something else in this run. */
  isOpen(): boolean {
    return [...this.#seen.values()].some(
      ({ host, role, enough }) =>
        host !== this.#host && this.#store.isExpected(host) && !this.#hasToldEnough(host, role, enough),
    );
  }

  /** Whether something that was taken, or wanted, is different by now. */
  isOutdated(): boolean {
    return [...this.#seen.values()].some(
      ({ host, role, enough, taken }) => !isDeepStrictEqual(this.#look(host, role, enough), taken),
    );
  }

  #hasToldEnough(host: string, role: string, enough: (exports: Exports) => boolean): boolean {
    const exports = this.#store.of(host, role);
    return this.#store.hasTold(host, role) && exports !== undefined && enough(exports);
  }

  #look(host: string, role: string, enough: (exports: Exports) => boolean): Taken {
    const exports = this.#store.of(host, role);
    // A host that was read knows of itself that it has nothing to tell yet.
    const mayTell = host === this.#host ? !this.#store.wasRead(host) : this.#store.isExpected(host);
    const isEnough = exports !== undefined && enough(exports);
    return { exports, reached: this.#store.reaches(host), awaited: !isEnough && mayTell };
  }
}

function keyOf(host: string, role: string): string {
  return `${host} ${role}`;
}
