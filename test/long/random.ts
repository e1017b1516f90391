/** Numbers that are the same for the same seed. */
export interface Random {
  /** From 0 to `below`, without it. */
  integer(below: number): number;
  pick<Value>(from: readonly Value[]): Value;
}

/** `LAB_TEST_SEED`, or another one every time. */
export function seedOfTests(): number {
  const given = process.env.LAB_TEST_SEED;
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

/** A linear congruential generator, with the numbers of Numerical Recipes. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const integer = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return { integer, pick: (from) => from[integer(from.length)] as (typeof from)[number] };
}
