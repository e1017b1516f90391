import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { LabError } from '../shared/errors.ts';
import { type Addressed, addressesIn, auto } from './addresses-input.ts';
import { assignAddresses, type Claim, seatKey } from './assign-addresses.ts';
import type { InventoryInput } from './input.ts';
import { formatAddress, parseAddress, parsePrefix } from './ip-address.ts';
import { type LockContent, parseCanonical, parseLock } from './lock-content.ts';
import { listOf, type Problem } from './problems.ts';
import { lockFilePath } from './project-root.ts';

/** Where a host or device is. */
interface Places {
  /** Network → addresses, in the order of the document. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** Networks whose addresses were assigned. */
  readonly assigned: readonly string[];
}

/** Who has which addresses, given and assigned. */
export interface ResolvedAddresses {
  readonly problems: readonly Problem[];
  of(kind: Addressed['kind'], name: string): Places;
}

/**
 * The addresses of a document that was found sound. The lock file beside it is read only when an address is `auto`: an
 * inventory without one does not pay for it.
 *
 * @param file of the inventory; without one nothing is remembered
 * @throws LabError LOCK_FILE when it is needed and damaged
 */
export function resolveAddresses(input: InventoryInput, file: string | undefined): ResolvedAddresses {
  const all = addressesIn(input);
  const wanted = all.filter(({ value }) => value === auto);
  const given = all.filter(({ value }) => value !== auto).map(toClaim);
  const { assigned, problems } =
    wanted.length === 0
      ? { assigned: [], problems: [] }
      : assignAddresses({ networks: prefixesOf(input), wanted, given, remembered: remembered(file) });
  const found = new Map([...given, ...assigned].map((claim) => [seatKey(claim), claim.addresses]));
  return {
    problems,
    of(kind, name) {
      const networks = Object.keys(input[`${kind}s`]?.[name]?.addresses ?? {});
      const places = networks.map((network) => [network, found.get(seatKey({ kind, name, network })) ?? []] as const);
      return {
        addresses: new Map(places.filter(([, list]) => list.length > 0)),
        assigned: networks.filter((network) => input[`${kind}s`]?.[name]?.addresses?.[network] === auto),
      };
    },
  };
}

/** Equal addresses have equal text in the model, however they were written. */
function toClaim({ kind, name, network, value }: Addressed): Claim {
  const addresses = listOf(value).map((text) => {
    const address = parseAddress(text);
    return address === undefined ? text : formatAddress(address);
  });
  return { kind, name, network, addresses };
}

function prefixesOf({ networks = {} }: InventoryInput) {
  return new Map(
    Object.entries(networks).map(([name, { prefixes }]) => [
      name,
      listOf(prefixes).flatMap((text) => parsePrefix(text) ?? []),
    ]),
  );
}

function remembered(inventoryFile: string | undefined): Claim[] {
  if (inventoryFile === undefined) return [];
  const lock = readLock(lockFilePath(inventoryFile));
  return (['host', 'device'] as const).flatMap((kind) =>
    [...lock[`${kind}s`]].flatMap(([name, entry]) =>
      [...entry.addresses].map(([network, addresses]): Claim => ({ kind, name, network, addresses })),
    ),
  );
}

/** At once, as `defineInventory` returns at once. A file that does not exist is an empty one. */
function readLock(file: string): LockContent {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { hosts: new Map(), devices: new Map() };
    const message = `the lock file cannot be read: ${(cause as Error).message}`;
    throw new LabError('LOCK_FILE', message, { at: { file }, cause });
  }
  const canonical = parseCanonical(text);
  if (canonical !== undefined) return canonical;
  const { parseDocument } = createRequire(import.meta.url)('yaml') as typeof Yaml;
  return parseLock(parseDocument(text, { logLevel: 'error' }), file);
}
