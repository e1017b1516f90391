import type { Inventory } from '../../src/index.ts';
import { hostSide, internet, type Permit } from './permit.ts';

/** What zones need that a host serves itself: that strangers can ask, over TCP as well where an answer is long (RFC 7766). */
export function publicDnsPermits(inventory: Inventory): Permit[] {
  return [...inventory.hosts.values()].flatMap(({ name, params }) => {
    const served = Object.entries(zonesIn(params.get('dns'))).flatMap(([zone, { provider }]) =>
      provider?.type === 'authoritative' ? [zone] : [],
    );
    if (served.length === 0) return [];
    const to = hostSide(name, inventory);
    const reason = `DNS of ${served.join(', ')}`;
    const ports = [{ first: 53, last: 53 }];
    return (['udp', 'tcp'] as const).map(
      (protocol): Permit => ({ from: internet, to, protocol, ports, reason, origin: { kind: 'service' } }),
    );
  });
}

/** What is wrong with them is told by the role dns itself. */
function zonesIn(params: Readonly<Record<string, unknown>> | undefined) {
  return (params?.zones ?? {}) as Readonly<Record<string, { readonly provider?: { readonly type?: unknown } }>>;
}
