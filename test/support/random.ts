/** Numbers that are the same for the same seed. */
export interface Random {
  readonly seed: number;
  /** From 0 to `below`, without it. */
  integer(below: number): number;
  pick<Value>(from: readonly Value[]): Value;
}

/**
 * `LAB_TEST_SEED`, or another one every time.
 *
 * @param usual instead of that, for tests of every change: what fails there was broken by the change
 */
export function seedOfTests(usual = Math.floor(Math.random() * 2 ** 31)): number {
  const given = process.env.LAB_TEST_SEED;
  return given === undefined ? usual : Number(given);
}

/** A linear congruential generator, with the numbers of Numerical Recipes. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const integer = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return { seed, integer, pick: (from) => from[integer(from.length)] as (typeof from)[number] };
}
