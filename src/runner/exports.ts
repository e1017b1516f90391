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
  readonly #known = new Map<string, Exports>();
  /** Hosts of this run that may still tell something. */
  readonly #working: Set<string>;
  #waiting: (() => void)[] = [];

  constructor(memory: ExportMemory, hosts: Iterable<string>) {
    this.#memory = memory;
    this.#working = new Set(hosts);
  }

  of(host: string, role: string): Exports | undefined {
    return this.#known.get(keyOf(host, role)) ?? this.#memory.recall(host, role);
  }

  /** Whether the host may still export in this run. */
  isExpected(host: string): boolean {
    return this.#working.has(host);
  }

  /** Whether the host has said in this run what the role exports. */
  hasTold(host: string, role: string): boolean {
    return this.#known.has(keyOf(host, role));
  }

  publish(host: string, role: string, exports: Exports): void {
    this.#known.set(keyOf(host, role), exports);
    this.#memory.remember(host, role, exports);
    this.#wake();
  }

  /** The host tells nothing more. */
  finish(host: string): void {
    this.#working.delete(host);
    this.#wake();
  }

  /** Resolves when `done` gives true; asked again after everything that happens. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** What one host has taken from the exports of others. */
export class ExportView {
  readonly #store: ExportStore;
  #seen = new Map<string, { readonly host: string; readonly role: string; readonly exports: Exports | undefined }>();

  constructor(store: ExportStore) {
    this.#store = store;
  }

  /** Forgets what was taken: everything is declared anew. */
  clear(): void {
    this.#seen = new Map();
  }

  of(host: string, role: string): Exports | undefined {
    const exports = this.#store.of(host, role);
    this.#seen.set(keyOf(host, role), { host, role, exports });
    return exports;
  }

  isExpected(host: string): boolean {
    return this.#store.isExpected(host);
  }

  /** Whether a host that something was taken from, or wanted, may still say something else in this run. */
  isOpen(): boolean {
    return [...this.#seen.values()].some(
      ({ host, role }) => !this.#store.hasTold(host, role) && this.#store.isExpected(host),
    );
  }

  /** Whether something that was taken, or wanted, is different by now. */
  isOutdated(): boolean {
    return [...this.#seen.values()].some(
      ({ host, role, exports }) => !isDeepStrictEqual(this.#store.of(host, role), exports),
    );
  }
}

function keyOf(host: string, role: string): string {
  return `${host} ${role}`;
}
