import { describe, expect, test } from 'vitest';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { containerRecipe, networkRecipe, routerScript } from '../../../src/sandbox/commands.ts';
import { collision, layOut } from '../../../src/sandbox/topology.ts';

const homelab = inventoryOf({
  networks: { public: { prefixes: '10.77.0.0/24', public: true }, home: { prefixes: '10.77.1.0/24' } },
  hosts: { vps: { addresses: { public: '10.77.0.10' } }, nas: { addresses: { home: '10.77.1.10' } } },
});
const owner = { sandbox: 'lab', project: '/home/me/homelab' };
const images = { host: 'host:1', client: 'client:1' };

function inventoryOf(input: unknown) {
  return resolveInventory(input, { at: undefined });
}

describe('the layout of an inventory', () => {
  test('hosts keep their declared addresses', () => {
    expect(layOut(homelab).hosts).toMatchObject([
      { container: 'lab-vps', attachments: [{ dockerNetwork: 'lab-public', ipv4: '10.77.0.10' }] },
      { container: 'lab-nas', attachments: [{ dockerNetwork: 'lab-home', ipv4: '10.77.1.10' }] },
    ]);
  });

  test('a router with the first address of the private network stands before the public one', () => {
    const { networks, router } = layOut(homelab);
    expect(networks.find(({ network }) => network === 'home')?.segments).toMatchObject([
      { gateway: '10.77.1.1', controller: '10.77.1.254', router: '10.77.1.253' },
    ]);
    expect(router?.attachments.map(({ dockerNetwork }) => dockerNetwork)).toEqual(['lab-public', 'lab-home']);
  });

  test('the client outside is on the public network alone', () => {
    expect(layOut(homelab).client).toMatchObject({
      container: 'lab-internet',
      attachments: [{ dockerNetwork: 'lab-public', ipv4: '10.77.0.50' }],
    });
  });

  test('an address that a host has is given to nothing else', () => {
    const taken = ['10.77.0.1', '10.77.0.50', '10.77.0.253'];
    const hosts = Object.fromEntries(taken.map((address, index) => [`h${index}`, { addresses: { public: address } }]));
    const inventory = inventoryOf({
      networks: { public: { prefixes: '10.77.0.0/24', public: true }, home: { prefixes: '10.77.1.0/30' } },
      hosts,
    });
    // A /30 has two addresses, and a private network needs three.
    expect(() => layOut(inventory)).toThrow('no address is left');
    const wide = layOut(inventoryOf({ networks: { public: { prefixes: '10.77.0.0/24', public: true } }, hosts }));
    const own = [wide.networks[0]?.segments[0]?.controller, wide.client?.attachments[0]?.ipv4];
    expect(own).toEqual(['10.77.0.254', '10.77.0.252']);
  });

  test('private networks alone need neither router nor client', () => {
    const { router, client, networks } = layOut(
      inventoryOf({
        networks: { home: { prefixes: '10.0.0.0/8' } },
        hosts: { nas: { addresses: { home: '10.1.2.3' } } },
      }),
    );
    expect([router, client]).toEqual([undefined, undefined]);
    expect(networks[0]?.segments[0]).toMatchObject({ gateway: '10.0.0.1', controller: '10.0.0.1' });
  });

  test('IPv6 prefixes have addresses of their own', () => {
    const { hosts, networks } = layOut(
      inventoryOf({
        networks: { public: { prefixes: ['10.77.0.0/24', 'fd77::/64'], public: true } },
        hosts: { vps: { addresses: { public: ['fd77::10', '10.77.0.10'] } } },
      }),
    );
    expect(hosts[0]?.attachments).toEqual([{ dockerNetwork: 'lab-public', ipv4: '10.77.0.10', ipv6: 'fd77::10' }]);
    expect(networks[0]?.segments[1]).toMatchObject({ family: 6, gateway: 'fd77::1' });
  });

  test('hosts that cannot be booted are told', () => {
    const inventory = inventoryOf({
      networks: { home: { prefixes: '10.77.1.0/24' } },
      hosts: { nas: { addresses: { home: '10.77.1.10' } }, elsewhere: { address: 'example.org' } },
    });
    expect(layOut(inventory).withoutAddress).toEqual(['elsewhere']);
    expect(() => layOut(inventoryOf({ hosts: { elsewhere: { address: 'example.org' } } }))).toThrow('nothing to boot');
  });

  test("a host may not have the name of one of the sandbox's own machines", () => {
    const input = {
      networks: { home: { prefixes: '10.77.1.0/24' } },
      hosts: { router: { addresses: { home: '10.77.1.9' } } },
    };
    expect(() => layOut(inventoryOf(input))).toThrow('"router"');
  });

  test("a network that this machine is part of is found, the sandbox's own bridge is not", () => {
    const own = (address: string) => [{ interface: 'eth0', address }];
    expect(collision(layOut(homelab), own('10.77.1.40'))).toMatchObject({ interface: 'eth0', prefix: '10.77.1.0/24' });
    expect(collision(layOut(homelab), own('10.77.1.254'))).toBeUndefined();
    expect(collision(layOut(homelab), own('10.78.1.40'))).toBeUndefined();
    expect(collision(layOut(homelab), own('fe80::1%eth0'))).toBeUndefined();
  });
});

describe('the docker commands', () => {
  const topology = layOut(homelab);
  const recipeOf = (name: string, layout = topology) => {
    const machine = [...layout.hosts, layout.router, layout.client].find((candidate) => candidate?.name === name);
    if (machine === undefined) throw new Error(`no machine ${name}`);
    return containerRecipe(machine, images, layout, owner);
  };

  test('no container is privileged or on the network of this machine', () => {
    const words = ['vps', 'nas', 'router', 'internet'].flatMap((name) => recipeOf(name).commands.flat());
    expect(words.filter((word) => /privileged|network=host|cgroupns=host|cap-add=ALL/.test(word))).toEqual([]);
  });

  test('the hash changes with the image, the address and the network, and with nothing else', () => {
    const config = recipeOf('nas').config;
    expect(recipeOf('nas', layOut(homelab)).config).toBe(config);
    const moved = layOut(
      inventoryOf({
        networks: { public: { prefixes: '10.77.0.0/24', public: true }, home: { prefixes: '10.77.1.0/24' } },
        hosts: { vps: { addresses: { public: '10.77.0.10' } }, nas: { addresses: { home: '10.77.1.20' } } },
      }),
    );
    expect(recipeOf('nas', moved).config).not.toBe(config);
    expect(recipeOf('vps', moved).config).toBe(recipeOf('vps').config);
    const [nas] = topology.hosts.filter(({ name }) => name === 'nas');
    if (nas === undefined) throw new Error('no nas');
    expect(containerRecipe(nas, { ...images, host: 'host:2' }, topology, owner).config).not.toBe(config);
  });

  test('only the private network has a default route to the router, and no way out of its own', () => {
    const [open, home] = topology.networks.map((network) => networkRecipe(network, true, owner).commands.flat());
    expect(home).toContain('--aux-address=DefaultGatewayIPv4=10.77.1.1');
    expect(home).toContain('--opt=com.docker.network.bridge.enable_ip_masquerade=false');
    expect(open?.join(' ')).not.toMatch(/aux-address|enable_ip_masquerade/);
  });

  test('the router lets nothing in that nobody inside asked for', () => {
    const script = routerScript(topology);
    expect(script).toContain('policy drop');
    expect(script).toContain('ip saddr 10.77.1.0/24 ip daddr != { 10.77.1.0/24 } accept');
    expect(script).not.toContain('saddr 10.77.0.0/24');
  });
});
