import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { renderDeviceConfig } from '../../../roles/wireguard/devices/config.ts';
import { deviceLink, interfaceForDevice, interfaceToMoveTo } from '../../../roles/wireguard/devices/device-link.ts';
import { newKeyPair } from '../../../roles/wireguard/devices/key-pair.ts';
import { addDevice, revokeDevice } from '../../../roles/wireguard/devices/procedures.ts';
import { params } from '../../../roles/wireguard/params.ts';
import { exportsOf, type LinkEnd, type TunnelState } from '../../../roles/wireguard/state.ts';
import { type InventoryInput, LabError } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { ProcedureContext } from '../../../src/playbook/procedure.ts';
import { reveal } from '../../../src/shared/secret.ts';

type Hosts = NonNullable<InventoryInput['hosts']>;

const gateway = { addresses: { public: '203.0.113.10', vpn: ['10.80.0.1', 'fd80::1'] } };
const nas = { addresses: { home: '192.168.1.10', vpn: ['10.80.0.10', 'fd80::10'] } };
const inventoryOf = ({ hosts = {}, ...more }: Partial<InventoryInput> = {}) =>
  resolveInventory(
    {
      networks: {
        public: { prefixes: ['203.0.113.0/24', '2001:db8::/64'], public: true },
        home: { prefixes: '192.168.1.0/24' },
        vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
      },
      hosts: { vps: gateway, nas, ...hosts } as Hosts,
      devices: {
        phone: { addresses: { vpn: ['10.80.0.100', 'fd80::100'] } },
        printer: { addresses: { home: '192.168.1.20' } },
      },
      ...more,
    },
    { at: { file: 'inventory/index.yml' } },
  );

/** As `wg pubkey` prints one. */
const keyOf = (name: string) => Buffer.alloc(32, name).toString('base64');
const keys = {
  privateKey: keyOf('private'),
  presharedKey: keyOf('preshared'),
  gatewayKey: keyOf('gateway'),
  interfaceName: 'wg0',
  fullTunnel: false,
};
const linesFor = (more: Partial<InventoryInput> = {}, given: Partial<typeof keys> = {}) =>
  renderDeviceConfig(deviceLink(inventoryOf(more), 'phone'), { ...keys, ...given }).split('\n');

const end = (name: string, more: Partial<LinkEnd> = {}): LinkEnd => ({
  interface: name,
  peerInterface: name,
  presharedKey: '0123456789abcdef',
  phase: 'active',
  peerKey: keyOf('peer'),
  ...more,
});
const state = (interfaces: readonly string[], links: Record<string, readonly LinkEnd[]> = {}): TunnelState => ({
  keys: new Map(interfaces.map((name) => [name, keyOf(name)])),
  links: new Map(Object.entries(links)),
});

describe('the configuration of a device', () => {
  it('holds its keys, its addresses, and what is inside, sites included', () => {
    const withSite = { ...nas, params: { wireguard: { sites: ['10.9.0.0/16'] } } };
    const lines = linesFor({ hosts: { nas: withSite } as Hosts });
    expect(lines).toContain(`PrivateKey = ${keys.privateKey}`);
    expect(lines).toContain('Address = 10.80.0.100/32, fd80::100/128');
    expect(lines).toContain(`PublicKey = ${keys.gatewayKey}`);
    expect(lines).toContain(`PresharedKey = ${keys.presharedKey}`);
    expect(lines).toContain('AllowedIPs = 10.80.0.0/24, fd80::/64, 10.9.0.0/16');
    expect(lines).toContain('Endpoint = 203.0.113.10:51820');
    expect(lines).toContain('MTU = 1420');
    expect(lines).toContain('PersistentKeepalive = 25');
    expect(lines.filter((line) => line.startsWith('DNS'))).toEqual([]);
  });

  it('sends everything through the gateway when asked to', () => {
    expect(linesFor({}, { fullTunnel: true })).toContain('AllowedIPs = 0.0.0.0/0, ::/0');
  });

  it('follows the parameters that the gateway has', () => {
    const wireguard = { dns: ['10.80.0.1', 'fd80::1'], mtu: 1280, keepalive: 0, port: 4500 };
    const lines = linesFor(
      { hosts: { vps: { ...gateway, params: { wireguard } } } as Hosts },
      { interfaceName: 'wg0c' },
    );
    expect(lines).toContain('DNS = 10.80.0.1, fd80::1');
    expect(lines).toContain('MTU = 1280');
    expect(lines).toContain('Endpoint = 203.0.113.10:4502');
    expect(lines.filter((line) => line.startsWith('PersistentKeepalive'))).toEqual([]);
  });

  it('dials an IPv6 address in brackets', () => {
    const vps = { addresses: { ...gateway.addresses, public: '2001:db8::10' } };
    expect(linesFor({ hosts: { vps } as Hosts })).toContain('Endpoint = [2001:db8::10]:51820');
  });
});

describe('a device without a place in the tunnel is refused, naming the file and what to write', () => {
  const mute = { vps: { address: 'vps', addresses: { vpn: '10.80.0.1' } } } as Hosts;

  it.each([
    ['unknown', 'watch', {}, 'HOST_PATTERN', "devices: { watch: { addresses: { vpn: 'auto' } } }"],
    ['not on the tunnel', 'printer', {}, 'USAGE', "addresses: { vpn: 'auto' }"],
    ['with nobody to dial', 'phone', { hosts: mute }, 'PLAN_IMPOSSIBLE', 'an address on a public network'],
  ])('%s', (_, name, more, code, advice) => {
    let error: unknown;
    try {
      deviceLink(inventoryOf(more), name);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(LabError);
    expect(error).toMatchObject({ code, details: { at: { file: 'inventory/index.yml' } } });
    const { expected, hint } = (error as LabError).details;
    expect(`${expected} ${hint}`).toContain(advice);
  });
});

describe('the interface of the gateway', () => {
  const device = end('wg0', { peerInterface: 'device' });

  it('is the one that devices are on, else the one that carries most links', () => {
    const moved = { nas: [end('wg0b')], node: [end('wg0b')] };
    expect(interfaceForDevice(state(['wg0', 'wg0b'], { ...moved, phone: [device] }), 'wg0')).toBe('wg0');
    expect(interfaceForDevice(state(['wg0', 'wg0b'], moved), 'wg0')).toBe('wg0b');
    expect(interfaceForDevice(state([]), 'wg0')).toBe('wg0');
  });

  it('that a device moves to is another one: in use, else free', () => {
    const link = deviceLink(inventoryOf(), 'phone');
    expect(interfaceToMoveTo(link, state(['wg0'], { phone: [device] }))).toBe('wg0b');
    expect(interfaceToMoveTo(link, state(['wg0', 'wg0d'], { phone: [device], nas: [end('wg0d')] }))).toBe('wg0d');
    const full = state(['wg0', 'wg0b', 'wg0c', 'wg0d'], { phone: [device] });
    expect(() => interfaceToMoveTo(link, full)).toThrow('vps has no interface left for new keys of phone');
  });
});

it('makes key pairs that belong together, another one each time', () => {
  const { privateKey, publicKey } = newKeyPair();
  // The seed behind the fixed head of a PKCS #8 key of X25519 (RFC 8410).
  const head = Buffer.from('302e020100300506032b656e04220420', 'hex');
  const seed = Buffer.from(reveal(privateKey), 'base64');
  const made = createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' });
  const { x = '' } = createPublicKey(made).export({ format: 'jwk' });
  expect(Buffer.from(x, 'base64url').toString('base64')).toBe(publicKey);
  expect(newKeyPair().publicKey).not.toBe(publicKey);
});

/** What a procedure sees of gateways in these states; undefined is one that does not answer. */
function contextWith(states: Readonly<Record<string, TunnelState | undefined>>) {
  const changed: string[] = [];
  const context = {
    async read(hosts: Iterable<string>) {
      const answers = [...hosts].map((host) => {
        const found = states[host];
        return [host, found ? { value: exportsOf(found) } : { problem: 'connection refused' }] as const;
      });
      return new Map(answers);
    },
    async apply(_: string, hosts: Iterable<string>) {
      changed.push(...hosts);
      return new Map([...hosts].map((host) => [host, { status: 'changed', message: undefined }]));
    },
  } as unknown as ProcedureContext<never>;
  return { context, changed };
}

const device = end('wg0', { peerInterface: 'device' });

describe('a device that the gateway knows and the lock file does not', () => {
  it('is not added over the keys that it may use', async () => {
    const link = deviceLink(inventoryOf(), 'phone');
    const { context } = contextWith({ vps: state(['wg0'], { phone: [device] }) });
    const adding = addDevice(inventoryOf(), link, { admitted: async () => {} }).prepare(context);
    await expect(adding).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('vps lets phone in already'),
      details: { hint: expect.stringContaining('lab device revoke phone') },
    });
  });
});

describe('a device is taken out', () => {
  const gateways = ['vps', 'old', 'third'].map((name) => ({ gateway: name, params: params.parse({}) }));
  const revoke = async (states: Parameters<typeof contextWith>[0]) => {
    const { context, changed } = contextWith(states);
    const plan = await revokeDevice(inventoryOf(), 'phone', gateways).prepare(context);
    for (const step of plan.steps) await step.run();
    return { changed, pending: plan.pending };
  };

  it('of the gateway that it dials, and of those that still know it', async () => {
    const states = { vps: state(['wg0']), old: state(['wg0'], { phone: [device] }), third: state(['wg0']) };
    expect(await revoke(states)).toEqual({ changed: ['vps', 'old'], pending: [] });
  });

  it('and a gateway that cannot be asked is told', async () => {
    const { changed, pending } = await revoke({ vps: state(['wg0'], { phone: [device] }), third: state([]) });
    expect(changed).toEqual(['vps']);
    expect(pending).toEqual([expect.stringContaining('old does not answer')]);
  });

  it('not at all while its own gateway cannot be asked', async () => {
    await expect(revoke({ old: state(['wg0']), third: state(['wg0']) })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});
