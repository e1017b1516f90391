import { describe, expect, it } from 'vitest';
import { isCovered } from '../../../roles/vps-gateway/wildcards/covered.ts';
import { credentialsFor, environmentFile } from '../../../roles/vps-gateway/wildcards/credentials.ts';
import { Secret } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { reveal } from '../../../src/shared/secret.ts';

it.each([
  ['photos.example.dev', 'example.dev', true],
  ['example.dev', 'example.dev', true],
  ['a.b.example.dev', 'example.dev', false],
  ['a.b.example.dev', 'b.example.dev', true],
  ['myexample.dev', 'example.dev', false],
  ['example.dev', 'photos.example.dev', false],
])('%s is a name of *.%s: %s', (name, domain, expected) => {
  expect(isCovered(name, domain)).toBe(expected);
});

describe('the zone of a domain', () => {
  const key = { name: 'lab', secret: new Secret('c2VjcmV0', 'tsig') };
  const inventoryWith = (zones: Record<string, unknown>, server = 'ns') =>
    resolveInventory(
      {
        hosts: {
          vps: { address: '203.0.113.7' },
          ns: { address: '203.0.113.8' },
          [server]: { address: '203.0.113.9', params: { dns: { zones } } },
        },
      } as never,
      { at: undefined },
    );
  const credentials = (domain: string, zones: Record<string, unknown>, server?: string) => {
    const inventory = inventoryWith(zones, server);
    const vps = inventory.hosts.get('vps');
    if (vps === undefined) throw new Error('no vps');
    return credentialsFor(domain, vps, inventory);
  };
  const bind = (server: string) => ({ provider: { type: 'rfc2136', server, key } });

  it('is the longest that holds it, of whatever host', () => {
    const zones = { 'example.dev': bind('192.0.2.1'), 'b.example.dev': bind('2001:db8::53') };
    expect(credentials('b.example.dev', zones)).toMatchObject({ RFC2136_NAMESERVER: '[2001:db8::53]:53' });
    expect(credentials('c.example.dev', zones)).toMatchObject({ RFC2136_NAMESERVER: '192.0.2.1:53' });
  });

  it('is changed with its own key where the gateway serves it, and cannot be where another host does', () => {
    const zones = { 'example.dev': { provider: { type: 'authoritative' } } };
    expect(credentials('example.dev', zones, 'vps')).toMatchObject({ LAB_ACME_KEY_FILE: '/etc/lab/dns/local.key' });
    expect(() => credentials('example.dev', zones)).toThrow('vps cannot have a certificate for *.example.dev');
  });

  it.each([
    ['is nobody’s', { 'example.org': bind('192.0.2.1') }],
    ['is a file', { 'example.dev': { provider: { type: 'file', path: '/etc/zone', nameservers: ['ns.example.'] } } }],
  ])('refuses one that %s', (_, zones) => {
    expect(() => credentials('example.dev', zones)).toThrow('cannot have a certificate for *.example.dev');
  });

  it('shows its secret in the file alone', () => {
    const file = environmentFile(credentials('example.dev', { 'example.dev': bind('192.0.2.1') }));
    expect(String(file)).not.toContain('c2VjcmV0');
    expect(reveal(file)).toContain("RFC2136_TSIG_SECRET='c2VjcmV0'\n");
  });
});
