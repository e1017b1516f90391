import { describe, expect, it } from 'vitest';
import { AddressSet, families } from '../../../roles/firewall/address-set.ts';
import { rulesFor } from '../../../roles/firewall/host-rules.ts';
import { params } from '../../../roles/firewall/params.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { type UfwRule, ufwRulesOf } from '../../../roles/firewall/ufw/rules.ts';
import { listedAs, ownRulesIn, userLinesIn, withOwnRules } from '../../../roles/firewall/ufw/user-rules.ts';
import type { InventoryInput } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Host } from '../../../src/model/types.ts';

const phone = '10.80.0.9';
function rulesOf(host: string, flows: InventoryInput['flows'], family: 'ipv4' | 'ipv6' = 'ipv4'): UfwRule[] {
  const inventory = resolveInventory(
    {
      networks: {
        public: { prefixes: ['198.51.100.0/24', '2001:db8::/64'], public: true },
        home: { prefixes: '10.77.1.0/24' },
        vpn: { prefixes: '10.80.0.0/24', tunnel: true },
      },
      hosts: {
        vps: { addresses: { public: ['198.51.100.10', '2001:db8::10'], vpn: '10.80.0.1' } },
        nas: { addresses: { home: '10.77.1.10', vpn: '10.80.0.10' } },
      },
      devices: { phone: { addresses: { vpn: phone } } },
      services: {
        game: { host: 'nas', port: 27015, protocol: 'udp', mode: 'udp', public: 'game.example.dev', gateways: 'vps' },
      },
      flows: flows ?? [],
    },
    { at: undefined },
  );
  const rules = rulesFor(inventory.hosts.get(host) as Host, policyOf(inventory), inventory, params.parse({}));
  return ufwRulesOf(rules, family, AddressSet.of([phone]));
}

/** Those of the flow, and not of the service that is always there. */
const isAsked = ({ comment }: UfwRule) => comment.endsWith(': r');

const shown = ({ action, protocol, ports, source, destination, through }: UfwRule) =>
  [action, protocol, ports, source ?? 'all', destination ?? 'here', through ?? 'anywhere'].join(' ');

describe('the rules of ufw', () => {
  it('believe a member of the tunnel on the interfaces of the tunnel alone', () => {
    const found = rulesOf('nas', [{ from: ['phone', 'home'], to: 'nas', ports: [445, '8000-8010'], reason: 'r' }]);
    const own = found.filter(({ comment }) => comment.includes('phone') || comment.includes('home'));
    expect(own.map(shown)).toEqual([
      'allow tcp 445,8000:8010 10.80.0.9/32 here wg0',
      ...['wg0b', 'wg0c', 'wg0d'].map((name) => `allow tcp 445,8000:8010 10.80.0.9/32 here ${name}`),
      ...['10.77.1.0/29', '10.77.1.8/31', '10.77.1.11/32', '10.77.1.12/30', '10.77.1.16/28', '10.77.1.32/27'].map(
        (prefix) => `allow tcp 445,8000:8010 ${prefix} here anywhere`,
      ),
      'allow tcp 445,8000:8010 10.77.1.64/26 here anywhere',
      'allow tcp 445,8000:8010 10.77.1.128/25 here anywhere',
    ]);
  });

  it('say who is not the internet before they let the internet in', () => {
    const found = rulesOf('nas', [{ from: 'internet', to: 'nas', ports: 443, reason: 'r' }]).filter(
      ({ ports }) => ports === '443',
    );
    expect(found.at(-1)).toMatchObject({ action: 'allow', source: null });
    expect(found.slice(0, -1).every(({ action }) => action === 'deny')).toBe(true);
    expect(found.map(({ source }) => source)).toContain('10.0.0.0/8');
  });

  it('hold for one address of the host where a flow leads to a network', () => {
    const found = rulesOf('nas', [{ from: 'vps', to: 'home', ports: 22, reason: 'r' }]).filter(isAsked);
    expect(new Set(found.map(({ destination }) => destination))).toEqual(new Set(['10.77.1.10/32']));
  });

  it('are at most fifteen ports each, a range counted as two', () => {
    const ports = Array.from({ length: 20 }, (_, at) => 1000 + 2 * at);
    const found = rulesOf('nas', [{ from: 'vps', to: 'nas', ports: ['500-510', ...ports], reason: 'r' }]).filter(
      isAsked,
    );
    const lists = [...new Set(found.map((one) => one.ports))];
    expect(lists.map((list) => list.split(/[,:]/).length)).toEqual([15, 7]);
  });

  it.each([
    [
      'a device that goes to the internet through the host',
      [{ from: 'phone', to: 'internet', ports: 443, reason: 'abroad' }],
    ],
    ['a service that the host passes on', [{ from: 'internet', to: 'game', reason: 'abroad' }]],
  ] as const)('cannot say %s', (_, flows) => {
    expect(() => rulesOf('vps', flows as unknown as InventoryInput['flows'])).toThrow(/ufw cannot say/);
  });
});

const stock = `*filter
:ufw-user-input - [0:0]
### RULES ###

### tuple ### allow tcp 9999 0.0.0.0/0 any 0.0.0.0/0 in comment=746865697273
-A ufw-user-input -p tcp --dport 9999 -j ACCEPT

### END RULES ###

### LOGGING ###
### END LOGGING ###
COMMIT
`;
const rule: UfwRule = {
  route: false,
  action: 'allow',
  protocol: 'tcp',
  ports: '22',
  source: '10.0.0.0/8',
  destination: '10.77.1.10/32',
  through: 'wg0',
  comment: '[lab] a → b: it\'s "so"',
};

describe('the files of ufw', () => {
  it('get ours after those of others, as ufw writes them, and give them back', () => {
    const text = withOwnRules(stock, 'ipv4', [rule]);
    expect(text).toContain(`-A ufw-user-input -p tcp --dport 9999 -j ACCEPT

### tuple ### allow tcp 22 10.77.1.10 any 10.0.0.0/8 in_wg0 comment=${Buffer.from(rule.comment).toString('hex')}
-A ufw-user-input -i wg0 -p tcp -d 10.77.1.10 --dport 22 -s 10.0.0.0/8 -j ACCEPT

### END RULES ###`);
    expect(withOwnRules(text, 'ipv4', [rule])).toBe(text);
    expect(ownRulesIn(text, 'ipv4').split('\n')).toHaveLength(2);
    expect(userLinesIn(text, 'ipv4')).toHaveLength(2);
    expect(withOwnRules(text, 'ipv4', [])).toBe(stock);
  });

  it('may be as they were installed', () => {
    const fresh = stock.replace(/\n### tuple[\s\S]*### END RULES ###\n/, '');
    expect(userLinesIn(withOwnRules(fresh, 'ipv4', [rule]), 'ipv4')).toHaveLength(1);
  });

  it.each(['', '*filter\nCOMMIT\n', stock.replace('### END RULES ###', '')])(
    'that ufw did not write are refused',
    (text) => {
      expect(() => withOwnRules(text, 'ipv4', [rule])).toThrow(/is not as ufw writes it/);
    },
  );

  it('are listed by iptables(8) in words of its own', () => {
    expect(listedAs(rule, 'ipv4')).toBe(
      '-A ufw-user-input -s 10.0.0.0/8 -d 10.77.1.10/32 -i wg0 -p tcp -m tcp --dport 22 -j ACCEPT',
    );
    const any = { ...rule, protocol: 'any', ports: 'any', source: '::/0', destination: null, through: null } as const;
    expect(listedAs({ ...any, route: true }, 'ipv6')).toBe('-A ufw6-user-forward -j ACCEPT');
  });
});

it('a set of addresses is its prefixes', () => {
  for (const items of [
    ['10.0.0.1-10.0.0.9'],
    ['0.0.0.0/0', '::/0'],
    ['fd80::1-fd80::ffff', '10.0.0.0/8'],
    ['255.255.255.255'],
  ]) {
    const set = AddressSet.of(items);
    const prefixes = families.flatMap((family) => set.prefixes(family));
    expect(AddressSet.of(prefixes).key).toBe(set.key);
  }
  expect(AddressSet.of(['10.0.0.1-10.0.0.9']).prefixes('ipv4')).toEqual([
    '10.0.0.1/32',
    '10.0.0.2/31',
    '10.0.0.4/30',
    '10.0.0.8/31',
  ]);
});
