import type { AddressesInput, InventoryInput } from './input.ts';
import type { DocumentPath } from './problems.ts';

/** `addresses: { vpn: 'auto' }`: one address from each prefix of the network, assigned. */
export const auto = 'auto';

/** A host or device on a network, as it was written. */
export interface Addressed {
  readonly kind: 'host' | 'device';
  readonly name: string;
  readonly network: string;
  readonly value: AddressesInput[string];
  readonly path: DocumentPath;
}

/** Where in the document the addresses of a host or device on a network stand. */
export function addressesPath({ kind, name, network }: Pick<Addressed, 'kind' | 'name' | 'network'>): DocumentPath {
  return [`${kind}s`, name, 'addresses', network];
}

/** Hosts first, in the order of the document. */
export function addressesIn(input: InventoryInput): Addressed[] {
  return (['host', 'device'] as const).flatMap((kind) =>
    Object.entries(input[`${kind}s`] ?? {}).flatMap(([name, { addresses }]) =>
      Object.entries<AddressesInput[string]>(addresses ?? {}).map(([network, value]): Addressed => {
        const seat = { kind, name, network };
        return { ...seat, value, path: addressesPath(seat) };
      }),
    ),
  );
}
