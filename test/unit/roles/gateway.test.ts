import { describe, expect, it } from 'vitest';
import { rulesFor } from '../../../roles/firewall/host-rules.ts';
import { params as firewallParams } from '../../../roles/firewall/params.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { params } from '../../../roles/vps-gateway/params.ts';
import { renderCaddy } from '../../../roles/vps-gateway/render-caddy.ts';
import { renderForwarding } from '../../../roles/vps-gateway/render-forwarding.ts';
import { renderHaproxy } from '../../../roles/vps-gateway/render-haproxy.ts';
import { routesOf } from '../../../roles/vps-gateway/routes.ts';
import { defineInventory, type Host, type Inventory } from '../../../src/index.ts';

type Services = NonNullable<Parameters<typeof defineInventory>[0]['services']>;

const modelWith = (services: Services): Inventory =>
  defineInventory({
    networks: {
      public: { prefixes: ['203.0.113.0/24', '2001:db8::/64'], public: true },
      home: { prefixes: '192.168.1.0/24' },
      vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
    },
    hosts: {
      vps: { addresses: { public: ['203.0.113.10', '2001:db8::10'], vpn: ['10.80.0.1', 'fd80::1'] } },
      backup: { addresses: { public: '203.0.113.11', vpn: ['10.80.0.2', 'fd80::2'] } },
      nas: { addresses: { home: '192.168.1.10', vpn: ['10.80.0.10', 'fd80::10'] } },
      node: { addresses: { home: '192.168.1.11', vpn: ['10.80.0.11', 'fd80::11'] } },
      tv: { addresses: { home: '192.168.1.20' } },
    },
    services,
  } as Parameters<typeof defineInventory>[0]) as unknown as Inventory;
const hostOf = (inventory: Inventory, name: string) => inventory.hosts.get(name) as Host;
const routes = (services: Services, gateway: string = 'vps') => {
  const inventory = modelWith(services);
  return routesOf(hostOf(inventory, gateway), inventory);
};
const caddy = (services: Services) => renderCaddy(routes(services).sites, params.parse({}), ['10.80.0.0/24']);

describe('what a gateway carries', () => {
  it('is every public name, by every host that strangers can reach, through the tunnel', () => {
    const services = { photos: { host: 'nas', port: 2342, public: 'photos.example.dev' } } as const;
    for (const gateway of ['vps', 'backup'])
      expect(routes(services, gateway).sites).toMatchObject([
        { name: 'photos.example.dev', routes: [{ service: 'photos', upstreams: ['10.80.0.10:2342'] }] },
      ]);
    expect(routes(services, 'nas')).toEqual({ sites: [], passthrough: [], forwarded: [] });
    // Each of two may be asked for the answer to a challenge of the other.
    expect(routes(services).sites[0]?.others).toEqual(['10.80.0.2:80']);
  });

  it('is what the gateway itself offers, on loopback', () => {
    expect(
      routes({ blog: { host: 'vps', port: 8080, public: 'blog.example.dev' } }).sites[0]?.routes[0]?.upstreams,
    ).toEqual(['127.0.0.1:8080']);
  });

  it('takes the longest path first, and every replica', () => {
    const { sites } = routes({
      whole: { host: 'nas', port: 1, public: 'a.example', gateways: 'vps', replicas: 'node' },
      api: { host: 'nas', port: 2, public: 'a.example', gateways: 'vps', http: { path: '/api' } },
    });
    expect(sites[0]?.routes.map(({ service, upstreams }) => [service, ...upstreams])).toEqual([
      ['api', '10.80.0.10:2'],
      ['whole', '10.80.0.10:1', '10.80.0.11:1'],
    ]);
  });

  it.each([
    [
      'a host without a private way to it',
      { show: { host: 'tv', port: 1, public: 'a.example', gateways: 'vps' } },
      /no private way to tv/,
    ],
    [
      'packets for a host outside the tunnel',
      { show: { host: 'tv', port: 1, mode: 'tcp', public: 'a.example', gateways: 'vps' } },
      /cannot forward packets to tv/,
    ],
    [
      'packets on the port of TLS that is passed on by name',
      {
        mail: { host: 'nas', port: 1, mode: 'tls-passthrough', public: 'a.example', gateways: 'vps' },
        other: { host: 'nas', port: 443, mode: 'tcp', public: 'b.example', gateways: 'vps' },
      },
      /two want the port 443\/tcp of vps/,
    ],
    [
      'a service of the gateway itself on port 443 beside TLS that is passed on by name',
      {
        mail: { host: 'nas', port: 1, mode: 'tls-passthrough', public: 'a.example', gateways: 'vps' },
        own: { host: 'vps', port: 443, mode: 'tls-passthrough', public: 'b.example' },
      },
      /two want the port 443\/tcp of vps/,
    ],
    [
      'a service of the gateway itself on port 7443 beside TLS that is passed on by name',
      {
        mail: { host: 'nas', port: 1, mode: 'tls-passthrough', public: 'a.example', gateways: 'vps' },
        own: { host: 'vps', port: 7443, mode: 'tls-passthrough', public: 'b.example' },
      },
      /two want the port 7443\/tcp of vps/,
    ],
    [
      'packets by the second gateway of the tunnel',
      { git: { host: 'nas', port: 1, mode: 'tcp', public: 'a.example', gateways: 'backup' } },
      /answers would come to another gateway/,
      'backup',
    ],
    [
      'a port that two want',
      {
        git: { host: 'nas', port: 2222, mode: 'tcp', public: 'a.example', gateways: 'vps' },
        other: { host: 'node', port: 2222, mode: 'tcp', public: 'b.example', gateways: 'vps' },
      },
      /two want the port 2222\/tcp of vps/,
    ],
    [
      'the port of the login',
      { git: { host: 'nas', port: 22, mode: 'tcp', public: 'a.example', gateways: 'vps' } },
      /two want the port 22\/tcp/,
    ],
  ] as const)(
    'refuses %s',
    (...[, services, expected, gateway = 'vps']: readonly [string, object, RegExp, string?]) => {
      expect(() => routes(services as Services, gateway)).toThrow(expected);
    },
  );
});

describe('the configuration of Caddy', () => {
  it('has no word for a header that could be more than text', () => {
    const text = caddy({
      a: {
        host: 'nas',
        port: 1,
        public: 'a.example',
        gateways: 'vps',
        http: { headers: { 'X-A': '{env.HOME} "q" \\', Server: null } },
      },
    });
    expect(text).toContain('X-A `\\{env.HOME\\} "q" \\`');
    expect(text).toContain('-Server');
  });

  it('keeps the hash of a password out of it', () => {
    const hash = `$2a$14$${'x'.repeat(53)}`;
    const text = caddy({
      a: { host: 'nas', port: 1, public: 'a.example', gateways: 'vps', http: { users: { ada: hash } } },
    });
    expect(text).toContain('import /etc/caddy/lab-users-a');
    expect(text).not.toContain(hash);
  });
});

it('forwards packets to the address of the same family, and nothing where there is nothing', () => {
  const { forwarded } = routes({
    game: { host: 'nas', port: 27015, mode: 'udp', public: 'game.example', gateways: 'vps' },
  });
  const text = renderForwarding({ forwarded, answering: null, passesOn: [] });
  expect(text).toContain('ip daddr 203.0.113.10 udp dport 27015 dnat ip to 10.80.0.10');
  expect(text).toContain('ip6 daddr 2001:db8::10 udp dport 27015 dnat ip6 to fd80::10');
  expect(renderForwarding({ forwarded: [], answering: null, passesOn: [] })).toBeNull();
});

it('opens to the internet the gateway alone, and the way from there to every replica', () => {
  const inventory = modelWith({
    photos: { host: 'nas', port: 2342, public: 'photos.example', gateways: ['vps', 'backup'], replicas: 'node' },
  });
  const input = (name: string) =>
    rulesFor(hostOf(inventory, name), policyOf(inventory), inventory, firewallParams.parse({})).input.map(
      ({ who, protocol, ports, comment }) => `${who} ${protocol} ${ports.map(({ first }) => first).join()} ${comment}`,
    );
  for (const name of ['nas', 'node'])
    expect(input(name)).toEqual(
      ['vps', 'backup'].map((gateway) => `addresses tcp 2342 ${gateway} → photos: the gateway of photos`),
    );
  expect(input('vps').filter((rule) => rule.startsWith('internet'))).toHaveLength(2);
  expect(input('vps').join()).toContain('backup → photos (vps): challenges of the certificate authority');
});

describe('TLS that is passed on by name', () => {
  const services: Services = {
    cloud: { host: 'nas', port: 8443, mode: 'tls-passthrough', public: 'cloud.example', gateways: 'vps' },
    mail: {
      ...{ host: 'nas', replicas: 'node', port: 993, mode: 'tls-passthrough', gateways: 'vps' },
      ...{ public: ['mail.example', 'imap.example'], proxyProtocol: true },
    },
  };
  const haproxy = (hasSites: boolean) =>
    renderHaproxy(routes(services).passthrough, params.parse({}), ['ipv4', 'ipv6'], hasSites);

  it('goes to its service by each of its names, with the address of the client where the service wants it', () => {
    const text = haproxy(true);
    for (const name of ['mail.example', 'imap.example'])
      expect(text).toContain(`use_backend mail if { req.ssl_sni -i ${name} }`);
    expect(text).toMatch(/backend cloud\n\tretries 5\n\tserver 1 10\.80\.0\.10:8443\n/);
    expect(text).toMatch(/server 1 10\.80\.0\.10:993 send-proxy-v2\n\tserver 2 10\.80\.0\.11:993 send-proxy-v2\n/);
    // A check without the header would be an error in the log of the service.
    expect(text).toContain('check inter 5s downinter 1s fall 2 rise 1 check-send-proxy');
  });

  it('leaves all other names to Caddy, which is asked under the address of the client, or refuses them', () => {
    expect(haproxy(true)).toContain('server caddy [::1]:443 source [::] usesrc clientip');
    expect(haproxy(true)).not.toContain('reject');
    expect(haproxy(false)).toContain('tcp-request content reject unless passed_on');
    expect(haproxy(false)).not.toContain('caddy');
  });

  it('is caught in the families that the gateway has, and nothing is where no TLS is passed on', () => {
    const text = renderForwarding({ forwarded: [], answering: null, passesOn: ['ipv4'] });
    expect(text).toContain('tcp dport 443 ip daddr != 127.0.0.0/8 tproxy ip to 127.0.0.1:7443');
    expect(text).toContain('# rule -4 from 127.0.0.1 lookup 77 pref 7593');
    expect(text).not.toMatch(/ip6|-6/);
    expect(renderForwarding({ forwarded: [], answering: null, passesOn: [] })).toBeNull();
  });

  it('opens to the internet the gateway alone', () => {
    const inventory = modelWith(services);
    const input = (name: string) =>
      rulesFor(hostOf(inventory, name), policyOf(inventory), inventory, firewallParams.parse({})).input.map(
        ({ who, protocol, ports }) => `${who} ${protocol} ${ports.map(({ first }) => first).join()}`,
      );
    expect(input('nas')).toEqual(['addresses tcp 8443', 'addresses tcp 993']);
    expect(input('node')).toEqual(['addresses tcp 993']);
    expect(new Set(input('vps').filter((rule) => rule.startsWith('internet')))).toEqual(
      new Set(['internet tcp 80,443']),
    );
  });

  it.each(['http', 'tcp'] as const)('is the one mode that says the address in front: not %s', (mode) => {
    expect(() =>
      modelWith({ a: { host: 'nas', port: 1, mode, public: 'a.example', gateways: 'vps', proxyProtocol: true } }),
    ).toThrow(/no gateway says the address of a client/);
  });
});
