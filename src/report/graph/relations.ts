/**
 * Who has to do with whom, so that a page can show one party and leave the others pale. Parties are known to style sheets by
 * number: no text of an inventory becomes part of one.
 */
export class Relations {
  readonly names: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #related: readonly Set<string>[];

  constructor(names: readonly string[]) {
    this.names = names;
    this.#numbers = new Map(names.map((name, index) => [name, index]));
    this.#related = names.map((name) => new Set([name]));
  }

  relate(one: string, other: string): void {
    const [first, second] = [this.#numbers.get(one), this.#numbers.get(other)];
    if (first === undefined || second === undefined) return;
    this.#related[first]?.add(other);
    this.#related[second]?.add(one);
  }

  numberOf(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  /** Whoever has to do with this party, and itself. */
  around(name: string): readonly string[] {
    const number = this.#numbers.get(name);
    return number === undefined ? [] : [...(this.#related[number] ?? [])];
  }

  /** Classes of what stays visible while one of these parties is shown: `p p1 p4`. */
  classes(names: Iterable<string>): string {
    const numbers = [...new Set(names)].flatMap((name) => this.#numbers.get(name) ?? []).sort((a, b) => a - b);
    return ['p', ...numbers.map((number) => `p${number}`)].join(' ');
  }
}
