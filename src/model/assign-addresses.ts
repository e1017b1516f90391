import { type Addressed, addressesPath } from './addresses-input.ts';
import {
  addressAt,
  contains,
  formatAddress,
  formatPrefix,
  hostNumber,
  isHostNumber,
  type Prefix,
  parseAddress,
  sizeOf,
} from './ip-address.ts';
import type { Problem } from './problems.ts';

/** A host or device on a network. */
export type Seat = Pick<Addressed, 'kind' | 'name' | 'network'>;

/** Addresses that a host or device has on a network, or had when the lock file was written. */
export interface Claim extends Seat {
  readonly addresses: readonly string[];
}

export interface AssignmentInput {
  /** Network → its prefixes, at least for the networks of `wanted`. They share no address. */
  readonly networks: ReadonlyMap<string, readonly Prefix[]>;
  /** Who is to be assigned addresses; order means nothing. */
  readonly wanted: readonly Seat[];
  /** What the lock file has, also of those who are no longer in the inventory. */
  readonly remembered: readonly Claim[];
  /** What the inventory says itself. */
  readonly given: readonly Claim[];
}

/**
 * Assigns one address from each prefix of its network to each seat. Pure, and the same whatever the order: what is
 * remembered stays while it lies in the prefix; then, by name, everybody new takes the lowest host number that nobody was
 * given and nobody is remembered with, the same one in every prefix where that is possible.
 *
 * A host number is the address minus the prefix. In IPv6 it is written as it reads in decimal: beside 10.80.0.12 stands
 * fd80::12. Only where no such number is left do the others (fd80::1a) come.
 *
 * @returns a claim for each seat, in the order of `wanted`; without those that have a problem
 */
export function assignAddresses({ networks, wanted, remembered, given }: AssignmentInput): {
  readonly assigned: readonly Claim[];
  readonly problems: readonly Problem[];
} {
  const memory = new Map(remembered.map((claim) => [seatKey(claim), claim]));
  const used = [...given, ...remembered].flatMap(({ addresses }) => addresses);
  const spaces = new Map(
    [...new Set(wanted.map(({ network }) => network))].map((name) => [
      name,
      new NetworkSpace((networks.get(name) ?? []).map((prefix) => new PrefixSpace(prefix, used))),
    ]),
  );
  const byName = [...wanted].sort((a, b) => compare(a.name, b.name));
  const kept = byName.map(
    (seat): Claim => ({
      ...seat,
      addresses: spaces.get(seat.network)?.kept(memory.get(seatKey(seat))?.addresses ?? []) ?? [],
    }),
  );
  const results = new Map<string, readonly string[] | Problem>();
  for (const claim of kept) results.set(seatKey(claim), spaces.get(claim.network)?.take(claim) ?? []);
  const outcomes = wanted.map((seat) => ({ seat, result: results.get(seatKey(seat)) ?? [] }));
  return {
    assigned: outcomes.flatMap(({ seat, result }) => (isProblem(result) ? [] : [{ ...seat, addresses: result }])),
    problems: [...conflictsOf(kept, given), ...outcomes.flatMap(({ result }) => (isProblem(result) ? [result] : []))],
  };
}

/** The prefixes of one network, from which addresses are taken together. */
class NetworkSpace {
  readonly #prefixes: readonly PrefixSpace[];
  /** No number below is free in every prefix: what was taken is never given back. */
  #next = 0n;

  constructor(prefixes: readonly PrefixSpace[]) {
    this.#prefixes = prefixes;
  }

  /** Of what is remembered that which can stay: one address in each prefix. */
  kept(remembered: readonly string[]): string[] {
    return this.#prefixes.flatMap((space) => {
      const number = space.kept(remembered);
      return number === undefined ? [] : [space.textOf(number)];
    });
  }

  /** One address from each prefix: those that the claim has already, and new ones. */
  take({ addresses: claimed, ...seat }: Claim): readonly string[] | Problem {
    const kept = this.#prefixes.map((space) => space.kept(claimed));
    const known = kept.flatMap((number, index) =>
      number === undefined ? [] : [this.#prefixes[index]?.plainOf(number)],
    )[0];
    const plain = kept.includes(undefined) ? (known ?? this.#lowestCommon()) : undefined;
    const addresses: string[] = [];
    for (const [index, space] of this.#prefixes.entries()) {
      const number = kept[index] ?? space.free(plain) ?? space.lowest();
      if (number === undefined) return problemOfFullPrefix(seat, space.prefix);
      addresses.push(space.take(number));
    }
    return addresses;
  }

  #lowestCommon(): bigint | undefined {
    for (; ; this.#next++) {
      const numbers = this.#prefixes.map((space) => space.at(this.#next));
      if (numbers.includes(undefined)) return undefined;
      if (this.#prefixes.every((space) => space.free(this.#next) !== undefined)) return this.#next;
    }
  }
}

/** One prefix, and which of its host numbers are taken. */
class PrefixSpace {
  readonly prefix: Prefix;
  readonly #size: bigint;
  readonly #taken = new Set<bigint>();

  constructor(prefix: Prefix, used: readonly string[]) {
    this.prefix = prefix;
    this.#size = sizeOf(prefix);
    for (const text of used) {
      const number = this.#numberOf(text);
      if (number !== undefined) this.#taken.add(number);
    }
  }

  /** The host number of the first of these that a host can still have here. */
  kept(remembered: readonly string[]): bigint | undefined {
    return remembered
      .map((text) => this.#numberOf(text))
      .find((number) => number !== undefined && isHostNumber(this.prefix, number));
  }

  #numberOf(text: string): bigint | undefined {
    const address = parseAddress(text);
    return address !== undefined && contains(this.prefix, address) ? hostNumber(this.prefix, address) : undefined;
  }

  /** The host number that reads like this one, which counts from 0 in every prefix; undefined beyond the prefix. */
  at(plain: bigint): bigint | undefined {
    const number = this.#isV6 ? BigInt(`0x${plain}`) : plain;
    return number < this.#size ? number : undefined;
  }

  /** The other way round; undefined for one with letters in it. */
  plainOf(number: bigint): bigint | undefined {
    if (!this.#isV6) return number;
    const text = number.toString(16);
    return /^\d+$/.test(text) ? BigInt(text) : undefined;
  }

  free(plain: bigint | undefined): bigint | undefined {
    const number = plain === undefined ? undefined : this.at(plain);
    return number !== undefined && this.#isFree(number) ? number : undefined;
  }

  lowest(): bigint | undefined {
    for (let plain = 0n; this.at(plain) !== undefined; plain++) {
      const number = this.free(plain);
      if (number !== undefined) return number;
    }
    for (let number = 0n; number < this.#size; number++) if (this.#isFree(number)) return number;
    return undefined;
  }

  take(number: bigint): string {
    this.#taken.add(number);
    return this.textOf(number);
  }

  textOf(number: bigint): string {
    return formatAddress(addressAt(this.prefix, number));
  }

  #isFree(number: bigint): boolean {
    return !this.#taken.has(number) && isHostNumber(this.prefix, number);
  }

  get #isV6(): boolean {
    return this.prefix.network.kind() === 'ipv6';
  }
}

/** A running host is not renumbered in passing: a person decides who of the two moves. */
function conflictsOf(kept: readonly Claim[], given: readonly Claim[]): Problem[] {
  const givenTo = ownersOf(given);
  const keptFor = ownersOf(kept);
  return kept.flatMap((claim): Problem[] => {
    const where = `${claim.kind}s.${claim.name}.addresses.${claim.network}`;
    return claim.addresses.flatMap((address): Problem[] => {
      const giver = givenTo.get(address);
      if (giver !== undefined) {
        return [
          {
            message: `this address is assigned to "${claim.name}"`,
            path: addressesPath(giver),
            expected: 'an address that nobody has',
            found: `${address}, which the lock file keeps for "${claim.name}"`,
            hint: `give "${giver.name}" another one; or take ${where} out of the lock file, so that "${claim.name}" is assigned another`,
          },
        ];
      }
      const other = keptFor.get(address);
      if (other === undefined || seatKey(other) === seatKey(claim)) return [];
      return [
        {
          message: `"${claim.name}" and "${other.name}" are assigned the same address`,
          path: addressesPath(claim),
          expected: 'one owner for each address in the lock file',
          found: `${address} for both, as after a merge`,
          hint: `take ${where} out of the lock file, so that "${claim.name}" is assigned another; or do so for "${other.name}"`,
        },
      ];
    });
  });
}

/** Address → who has it; of several the first. */
function ownersOf(claims: readonly Claim[]): Map<string, Claim> {
  return new Map(claims.flatMap((claim) => claim.addresses.map((address) => [address, claim] as const)).reverse());
}

function problemOfFullPrefix(seat: Seat, prefix: Prefix): Problem {
  return {
    message: `the network "${seat.network}" has no address left for "${seat.name}"`,
    path: addressesPath(seat),
    expected: `a free address in ${formatPrefix(prefix)}`,
    found: 'every one is given, assigned, or kept in the lock file',
    hint: 'widen the prefix, or take those who are gone for good out of the lock file',
  };
}

function isProblem(result: readonly string[] | Problem): result is Problem {
  return 'message' in result;
}

export function seatKey({ kind, name, network }: Seat): string {
  return JSON.stringify([kind, name, network]);
}

/** By code unit: the same order on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
