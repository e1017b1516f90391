import type { Inventory } from '../../../src/index.ts';
import { canonicalAddress, parseAddress, parsePrefix } from '../../../src/model/ip-address.ts';
import { publicAddressesOf } from '../../dns/public/records.ts';
import { AddressSet } from '../../firewall/address-set.ts';
import { privateNamesOf } from './names.ts';

/** An address of the home's line, and how it became known. */
export interface HomeAddress {
  /** An address, or a prefix that the home has. */
  readonly address: string;
  /** `--home`, `vps sees nas there`. */
  readonly from: string;
}

/** Something in a text that nobody outside is to know. */
export interface Leak {
  readonly found: string;
  readonly what: 'home' | 'inside' | 'name';
}

/** Addresses that mean something inside alone; loopback and multicast addresses tell nothing of a home. */
const privateRanges = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'].concat([
  'fc00::/7',
  'fe80::/10',
]);

/** Names that no public DNS has (RFC 6762, RFC 8375, ICANN's `.internal`), and those that routers make up. */
const privateSuffix = /\.(home\.arpa|internal|local|localdomain|lan)$/;

const tells = {
  home: "the home's address",
  inside: 'an address of the inside',
  name: 'a name of the inside',
} as const;

/** What must not show: the home's addresses, those of the inside, and private names. */
export class SecretsOfHome {
  readonly home: readonly HomeAddress[];
  /** Those of the home that can be connected to: no prefixes. */
  readonly lines: readonly string[];
  readonly #home: AddressSet;
  readonly #inside: AddressSet;
  readonly #names: ReadonlySet<string>;
  readonly #publicNames: ReadonlySet<string>;

  /** What a public host has is public, whatever else it is. */
  constructor(inventory: Inventory, home: readonly HomeAddress[]) {
    const networks = [...inventory.networks.values()];
    const prefixes = (isPublic: boolean) =>
      AddressSet.of(networks.flatMap((network) => (network.public === isPublic ? network.prefixes : [])));
    const gateways = AddressSet.of([...inventory.hosts.values()].flatMap((host) => publicAddressesOf(host, inventory)));
    this.#inside = AddressSet.of(privateRanges).without(prefixes(true)).with(prefixes(false));
    this.home = unique(home).filter(({ address }) => !AddressSet.of([address]).without(gateways).isEmpty);
    this.lines = this.home.flatMap(({ address }) => (parseAddress(address) === undefined ? [] : [address]));
    this.#home = AddressSet.of(this.home.map(({ address }) => address)).without(gateways);
    this.#publicNames = new Set([...inventory.services.values()].flatMap((service) => service.public));
    this.#names = privateNamesOf(inventory);
  }

  whatIs(address: string): 'home' | 'inside' | undefined {
    if (this.#home.has(address)) return 'home';
    return this.#inside.has(address) ? 'inside' : undefined;
  }

  /** Whether a prefix names the home: one that is not much wider than what a home gets. */
  isHomeIn(prefix: string): boolean {
    const parsed = parsePrefix(prefix);
    if (parsed === undefined) return false;
    const narrow = parsed.network.kind() === 'ipv6' ? 44 : 20;
    return parsed.bits >= narrow && AddressSet.of([prefix]).overlaps(this.#home);
  }

  /** Everything in a text: addresses, also as providers write them into names (`203-0-113-7.dsl.example`), and names. */
  in(text: string): readonly Leak[] {
    const addresses = addressesIn(text).flatMap((found): Leak[] => {
      const what = this.whatIs(found);
      return what === undefined ? [] : [{ found, what }];
    });
    const spelled = this.lines.flatMap((address): Leak[] => {
      const parts = address.split('.');
      const forms = [parts.join('-'), parts.toReversed().join('-')];
      return parts.length === 4
        ? forms.flatMap((found) => (text.includes(found) ? [{ found, what: 'home' }] : []))
        : [];
    });
    const names = [...text.toLowerCase().matchAll(/[a-z0-9_-]+(?:\.[a-z0-9_-]+)+/g)].flatMap(([found]): Leak[] =>
      this.isPrivateName(found) ? [{ found, what: 'name' }] : [],
    );
    const all = [...addresses, ...spelled, ...names];
    return [...new Map(all.map((leak) => [leak.found, leak])).values()];
  }

  isPrivateName(name: string): boolean {
    return !this.#publicNames.has(name) && (this.#names.has(name) || privateSuffix.test(name));
  }
}

/** `the home's address` */
export function tellsOf({ what }: Leak): string {
  return tells[what];
}

/** All addresses in a text, as they are always written. */
export function addressesIn(text: string): readonly string[] {
  const four = [...text.matchAll(/(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/g)];
  const six = [...text.matchAll(/(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*/g)];
  const found = [...four, ...six].map(([token]) => token.replace(/(?<!:):$|\.$/, ''));
  return [...new Set(found.filter((token) => parseAddress(token) !== undefined).map(canonicalAddress))];
}

function unique(home: readonly HomeAddress[]): HomeAddress[] {
  const canonical = home.map((one) => ({ ...one, address: canonicalAddress(one.address) }));
  return [...new Map(canonical.toReversed().map((one) => [one.address, one])).values()].toReversed();
}
