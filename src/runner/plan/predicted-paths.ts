import { dirname } from 'node:path';
import { type FileFact, KnownAfterApply } from '../../remote/facts/contract.ts';
import { absentFile } from '../../remote/facts/parse-files.ts';

/** What is known of a path, and since which prediction. */
interface Known<Value> {
  readonly since: number;
  readonly value: Value;
}

/** What a change leaves below a path: nothing, or what only that change brings, which may be the path itself too. */
type Below = 'nothing' | { readonly comesWith: string; readonly itself: boolean };

/** What the changes planned so far make of paths: those that they name, and all that are below these. */
export class PredictedPaths {
  readonly #files = new Map<string, Known<FileFact>>();
  readonly #contents = new Map<string, Known<Uint8Array | null>>();
  readonly #below = new Map<string, Known<Below>>();
  #predictions = 0;

  predict(value: FileFact, content?: Uint8Array | null): void {
    const { path, kind } = value;
    const since = ++this.#predictions;
    this.#files.set(path, { since, value });
    if (content !== undefined) this.#contents.set(path, { since, value: content });
    else if (kind === 'absent') this.#contents.set(path, { since, value: null });
    if (kind === 'symlink') this.#below.set(path, { since, value: { comesWith: `the link ${path}`, itself: false } });
    // A directory keeps what it holds.
    else if (kind !== 'directory') this.#below.set(path, { since, value: 'nothing' });
  }

  /** From here on a path, and everything below it, is what a change brings. */
  predictTree(path: string, comesWith: string): void {
    this.#below.set(path, { since: ++this.#predictions, value: { comesWith, itself: true } });
  }

  /**
   * @returns undefined when no change touches the path, so that it is as it was read
   * @throws KnownAfterApply
   */
  file(path: string): FileFact | undefined {
    return this.#latest(path, this.#files.get(path), absentFile(path));
  }

  /** The same for the content; `null` when there is none. */
  content(path: string): Uint8Array | null | undefined {
    return this.#latest(path, this.#contents.get(path), null);
  }

  #latest<Value>(path: string, known: Known<Value> | undefined, absent: Value): Value | undefined {
    const above = this.#latestAbove(path);
    if (above === undefined || (known !== undefined && known.since >= above.since)) return known?.value;
    if (above.value === 'nothing') return absent;
    throw new KnownAfterApply(`${path} comes with ${above.value.comesWith}`);
  }

  /** The last change at the path or above it that decides what is there. */
  #latestAbove(path: string): Known<Below> | undefined {
    const own = this.#below.get(path);
    let latest = own !== undefined && own.value !== 'nothing' && own.value.itself ? own : undefined;
    for (let inner = path, above = dirname(path); above !== inner; inner = above, above = dirname(above)) {
      const below = this.#below.get(above);
      if (below !== undefined && below.since > (latest?.since ?? 0)) latest = below;
    }
    return latest;
  }
}
