import { defineResource, LabError, z } from '../../../src/index.ts';
import { canonicalAddress } from '../../../src/model/ip-address.ts';

const look = 'PATH=$PATH:/usr/sbin:/sbin; ss -H -lntup "sport = :53" 2>/dev/null; exit 0';

/**
 * That nobody else answers where a resolver is to: two cannot have one port, and Unbound would not start. Changes nothing.
 *
 * @throws LabError PLAN_IMPOSSIBLE when somebody does
 */
export const freePort = defineResource({
  type: 'name-port',
  props: z.strictObject({ addresses: z.array(z.string()) }),
  id: () => '53',
  read: async (host) => othersIn((await host.run(['sh', '-c', look])).stdout),
  diff({ addresses }, others) {
    const wanted = new Set([...addresses.map(canonicalAddress), '0.0.0.0', '::', '*']);
    const other = others.find(({ address }) => wanted.has(address));
    if (other === undefined) return [];
    throw new LabError('PLAN_IMPOSSIBLE', 'another name server has the port of the resolver', {
      expected: `nobody but Unbound on port 53 of ${addresses.join(', ')}`,
      found: `${other.program} on ${other.address}`,
      hint: `let it listen on other addresses, take it away, or name another host in params.dns.resolvers`,
    });
  },
});

interface Listener {
  readonly address: string;
  readonly program: string;
}

/** Of what ss(8) prints, those that are not Unbound. */
export function othersIn(text: string): readonly Listener[] {
  return text.split('\n').flatMap((line): Listener[] => {
    const local = line.trim().split(/\s+/)[4];
    if (local === undefined) return [];
    const program = /users:\(\("([^"]+)"/.exec(line)?.[1] ?? 'somebody';
    if (program === 'unbound') return [];
    const address = local
      .replace(/:53$/, '')
      .replace(/%.*/, '')
      .replace(/^\[|\]$/g, '');
    return [{ address: address === '*' ? address : canonicalAddress(address), program }];
  });
}
