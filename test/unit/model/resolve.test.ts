import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defineInventory } from '../../../src/model/define-inventory.ts';
import type { InventoryInput } from '../../../src/model/input.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { selectHosts } from '../../../src/model/select-hosts.ts';
import type { Inventory } from '../../../src/model/types.ts';
import { LabError } from '../../../src/shared/errors.ts';
import { Secret } from '../../../src/shared/secret.ts';

const shared = { nass: { adress: 'nas' } };

function resolved(input: InventoryInput): Inventory {
  return resolveInventory(input, { at: { file: '/lab/inventory/index.ts' } });
}

function hostOf(inventory: Inventory, name: string) {
  const host = inventory.hosts.get(name);
  if (host === undefined) throw new Error(`no ${name}`);
  return host;
}

describe('parameters', () => {
  const inventory = resolved({
    params: {
      base: { timezone: 'UTC', packages: ['vim'], sysctl: { 'net.a': '1', 'net.b': '1' } },
      ntp: { servers: ['a'] },
    },
    groups: {
      // Declared before the group around it: outer comes first all the same.
      storage: { params: { base: { timezone: 'inner', sysctl: { 'net.b': '2' } } } },
      indoors: { children: ['storage'], params: { base: { timezone: 'outer', packages: ['nano'], level: 'outer' } } },
      first: { params: { base: { sibling: 'first' } } },
      second: { params: { base: { sibling: 'second' } } },
    },
    hosts: {
      nas: {
        address: 'nas',
        groups: ['second', 'storage', 'first'],
        params: { base: { hostname: 'nas' }, ntp: { servers: [] } },
      },
      node1: { address: 'node1', groups: ['indoors'] },
      bare: { address: 'bare' },
    },
  });

  test('merge: all, groups from the outermost inwards, then as declared, then the host', () => {
    expect(hostOf(inventory, 'nas').params.get('base')).toEqual({
      timezone: 'inner',
      packages: ['nano'],
      sysctl: { 'net.a': '1', 'net.b': '2' },
      level: 'outer',
      sibling: 'second',
      hostname: 'nas',
    });
    expect(hostOf(inventory, 'nas').params.get('ntp')).toEqual({ servers: [] });
    expect(hostOf(inventory, 'node1').params.get('base')).toMatchObject({
      timezone: 'outer',
      sysctl: { 'net.b': '1' },
    });
    expect(hostOf(inventory, 'bare').params.get('base')).toMatchObject({ timezone: 'UTC', packages: ['vim'] });
  });

  test('say for each leaf where it was declared', () => {
    const where = [...hostOf(inventory, 'nas').provenance].map(([leaf, { level, name }]) => [leaf, `${level} ${name}`]);
    expect(Object.fromEntries(where)).toEqual({
      'base.timezone': 'group storage',
      'base.packages': 'group indoors',
      'base.sysctl.net.a': 'all all',
      'base.sysctl.net.b': 'group storage',
      'base.level': 'group indoors',
      'base.sibling': 'group second',
      'base.hostname': 'host nas',
      'ntp.servers': 'host nas',
    });
    expect(hostOf(inventory, 'nas').provenance.get('base.timezone')?.path).toEqual([
      'groups',
      'storage',
      'params',
      'base',
      'timezone',
    ]);
  });

  test('list the groups of a host, those it names first', () => {
    expect(hostOf(inventory, 'nas').groups).toEqual(['second', 'storage', 'first', 'indoors']);
    expect(inventory.groups.get('indoors')).toEqual({
      name: 'indoors',
      hosts: ['nas', 'node1'],
      children: ['storage'],
    });
  });

  test('a scalar replaces an object and an object a scalar, and what was below is forgotten', () => {
    const { hosts } = resolved({
      params: { r: { a: { deep: 1 }, b: 1, c: { x: 1 } } },
      hosts: { nas: { address: 'nas', params: { r: { a: 2, b: { deep: 2 }, c: { x: undefined, y: null } } } } },
    });
    const nas = hosts.get('nas');
    expect(nas?.params.get('r')).toEqual({ a: 2, b: { deep: 2 }, c: { x: 1, y: null } });
    expect([...(nas?.provenance.keys() ?? [])].sort()).toEqual(['r.a', 'r.b.deep', 'r.c.x', 'r.c.y']);
  });

  test('a secret stays the same secret', () => {
    const password = new Secret('correct-horse', 'nas.password');
    const { hosts } = resolved({ hosts: { nas: { address: 'nas', params: { r: { password } }, ssh: { password } } } });
    expect(hosts.get('nas')?.params.get('r')?.password).toBe(password);
    expect(hosts.get('nas')?.connection.password).toBe(password);
  });

  test('"__proto__" is data', () => {
    const params = { r: JSON.parse('{"__proto__": {"polluted": true}}') as Record<string, unknown> };
    const { hosts } = resolved({ hosts: { nas: { address: 'nas', params } } });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(hosts.get('nas')?.params.get('r')?.polluted).toBeUndefined();
  });
});

describe('connection settings', () => {
  test('merge as parameters do, with the defaults of a person who types ssh', () => {
    const { hosts } = resolved({
      ssh: { user: 'ada', port: 2222, identityFile: 'keys/lab' },
      groups: { gateway: { ssh: { user: 'root' } } },
      hosts: {
        vps: { address: 'vps.example', groups: ['gateway'] },
        nas: { address: 'nas', ssh: { port: 22, identityFile: '~/.ssh/nas', configFile: '/etc/ssh_config' } },
        box: { ssh: { transport: 'docker' } },
        here: { ssh: { transport: 'local' } },
      },
    });
    expect(hosts.get('vps')?.connection).toEqual({
      transport: 'ssh',
      address: 'vps.example',
      user: 'root',
      port: 2222,
      become: 'none',
      identityFile: '/lab/keys/lab',
    });
    expect(hosts.get('nas')?.connection).toMatchObject({
      user: 'ada',
      port: 22,
      become: 'sudo',
      identityFile: join(homedir(), '.ssh/nas'),
      configFile: '/etc/ssh_config',
    });
    expect(hosts.get('box')?.connection).toMatchObject({ transport: 'docker', address: 'box', become: 'none' });
    expect(hosts.get('here')?.connection).toMatchObject({ transport: 'local', address: 'localhost' });
    expect(hosts.get('vps')?.connectionProvenance?.get('user')).toMatchObject({ level: 'group', name: 'gateway' });
  });

  test('a jump host of the inventory becomes what ssh can dial; others stay; nobody jumps over themselves', () => {
    const { hosts } = resolved({
      ssh: { user: 'ada', proxyJump: ['vps', 'ops@bastion.example:2200'] },
      networks: { six: { prefixes: 'fd00::/64' } },
      hosts: { vps: { addresses: { six: 'fd00::10' }, ssh: { port: 2222 } }, nas: { address: 'nas' } },
    });
    expect(hosts.get('nas')?.connection.proxyJump).toEqual(['ada@[fd00::10]:2222', 'ops@bastion.example:2200']);
    expect(hosts.get('vps')?.connection.proxyJump).toEqual(['ops@bastion.example:2200']);
  });

  test('a fallback says only what is different there; whether to become root follows from its user', () => {
    const password = new Secret('before', 'nas.old');
    const { hosts } = resolved({
      ssh: { user: 'ada', fallback: [{ user: 'root', port: 22 }] },
      groups: { storage: { ssh: { user: 'root', port: 2222 } } },
      hosts: {
        vps: { address: 'vps' },
        nas: {
          address: 'nas',
          groups: ['storage'],
          ssh: {
            proxyJump: 'vps',
            fallback: [
              { address: '10.0.0.9', identityFile: 'keys/old', password, user: undefined },
              { user: 'ada', proxyJump: ['vps', 'nas'] },
              { user: 'ada', become: 'doas', proxyJump: [] },
            ],
          },
        },
        box: { address: 'box', ssh: { user: 'root', become: 'doas', fallback: [{ user: 'eve' }, { user: 'root' }] } },
      },
    });
    expect(hosts.get('vps')?.connection.fallback).toEqual([{ user: 'root', port: 22, become: 'none' }]);
    expect(hosts.get('nas')?.connection.fallback).toEqual([
      { address: '10.0.0.9', identityFile: '/lab/keys/old', password },
      { user: 'ada', become: 'sudo', proxyJump: ['ada@vps'] },
      { user: 'ada', become: 'doas', proxyJump: [] },
    ]);
    expect(hosts.get('nas')?.connection.fallback?.[0]?.password).toBe(password);
    expect(hosts.get('box')?.connection.fallback).toEqual([
      { user: 'eve', become: 'doas' },
      { user: 'root', become: 'none' },
    ]);
    expect(hosts.get('nas')?.connectionProvenance?.get('fallback')).toMatchObject({ level: 'host', name: 'nas' });
    expect(hosts.get('vps')?.connectionProvenance?.get('fallback')).toMatchObject({ level: 'all' });
  });

  test('relative paths of a lone file start beside it', () => {
    const { hosts } = resolveInventory(
      { hosts: { nas: { address: 'nas', ssh: { identityFile: 'key' } } } },
      { at: { file: '/inventory/lab/inventory.yml' } },
    );
    expect(hosts.get('nas')?.connection.identityFile).toBe('/inventory/lab/key');
  });
});

test('services and flows get their defaults', () => {
  const { services, flows, networks, hosts } = resolved({
    networks: { home: { prefixes: ['10.0.0.0/24', 'FD00:0::/64'] } },
    hosts: { nas: { addresses: { home: ['10.0.0.1', 'fd00:0::00AB'] } }, vps: { address: 'vps' } },
    services: {
      photos: { host: 'nas', port: 2342, public: 'photos.example.dev', gateways: 'vps' },
      dns: { host: 'nas', port: 53, mode: 'udp' },
      database: { host: 'nas', port: 5432 },
    },
    flows: [
      { from: 'internet', to: ['photos', { namespace: 'apps' }], ports: 'any', reason: ' x ' },
      { from: 'home', to: 'all', ports: 22, reason: 'y' },
    ],
  });
  expect(services.get('photos')).toEqual({
    name: 'photos',
    host: 'nas',
    port: 2342,
    protocol: 'tcp',
    mode: 'http',
    public: ['photos.example.dev'],
    private: [],
    gateways: ['vps'],
    replicas: [],
    http: { path: '', access: 'everyone', users: new Map(), headers: new Map() },
  });
  expect(services.get('dns')).toMatchObject({ protocol: 'udp', mode: 'udp' });
  expect(services.get('database')).toMatchObject({ protocol: 'tcp', mode: 'tcp' });
  expect(flows).toEqual([
    {
      from: [{ kind: 'internet' }],
      to: [
        { kind: 'service', name: 'photos' },
        { kind: 'namespace', name: 'apps' },
      ],
      protocol: undefined,
      ports: [],
      reason: 'x',
    },
    {
      from: [{ kind: 'network', name: 'home' }],
      to: [
        { kind: 'host', name: 'nas' },
        { kind: 'host', name: 'vps' },
      ],
      protocol: 'tcp',
      ports: [{ first: 22, last: 22 }],
      reason: 'y',
    },
  ]);
  expect(networks.get('home')).toEqual({
    name: 'home',
    prefixes: ['10.0.0.0/24', 'fd00::/64'],
    public: false,
    tunnel: false,
  });
  expect(hosts.get('nas')?.addresses.get('home')).toEqual(['10.0.0.1', 'fd00::ab']);
});

describe('selecting hosts', () => {
  const inventory = resolved({
    networks: { lan: { prefixes: '10.0.0.0/24' } },
    groups: { home: { children: ['storage'] }, storage: {}, gateway: {} },
    hosts: {
      vps: { address: 'vps', groups: ['gateway'] },
      nas: { addresses: { lan: '10.0.0.1' }, groups: ['storage'] },
      node1: { addresses: { lan: '10.0.0.2' }, groups: ['home'] },
      node2: { address: 'node2', groups: ['home'] },
      'a.b': { address: 'ab' },
    },
    devices: { phone: {} },
  });
  test.each<[string | string[], string[]]>([
    ['all', ['vps', 'nas', 'node1', 'node2', 'a.b']],
    ['*', ['vps', 'nas', 'node1', 'node2', 'a.b']],
    ['node2,vps', ['vps', 'node2']],
    [
      ['node2', 'vps'],
      ['vps', 'node2'],
    ],
    ['home', ['nas', 'node1', 'node2']],
    ['lan', ['nas', 'node1']],
    ['home:!nas', ['node1', 'node2']],
    ['!nas:home', ['node1', 'node2']],
    ['home:&storage', ['nas']],
    ['!home', ['vps', 'a.b']],
    [['home', '!node*'], ['nas']],
    ['node[12]', ['node1', 'node2']],
    ['node[!1]', ['node2']],
    ['n?s', ['nas']],
    ['sto*', ['nas']],
    ['a.b', ['a.b']],
    ['a?b', ['a.b']],
    ['nas, nas', ['nas']],
    ['storage:&gateway', []],
    ['', []],
  ])('%j', (pattern, expected) => {
    expect(selectHosts(inventory, pattern).map((host) => host.name)).toEqual(expected);
  });

  test.each([
    ['nass', /no host or group is called "nass"/, /did you mean "nas"\?/],
    ['home:!nodee1', /"nodee1"/, /did you mean "node1"\?/],
    ['db*', /no host or group matches "db\*"/, /declared: vps, nas/],
    ['a.c*', /matches "a\.c\*"/, /declared/],
    ['[z-a]', /matches "\[z-a\]"/, /declared/],
    ['phone', /"phone"/, /is a device/],
    ['constructor', /"constructor"/, /declared/],
  ])('%s is unknown', (pattern, message, hint) => {
    expect(() => selectHosts(inventory, pattern)).toThrow(
      expect.objectContaining({
        code: 'HOST_PATTERN',
        message: expect.stringMatching(message),
        details: expect.objectContaining({ hint: expect.stringMatching(hint) }),
      }),
    );
  });

  test('every unknown name is told at once', () => {
    const error = catchError(() => selectHosts(inventory, 'nass,nodee1'));
    expect(error.details.others).toHaveLength(1);
  });
});

function catchError(action: () => unknown): LabError {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof LabError) return thrown;
  }
  throw new Error('no LabError was thrown');
}

describe('a mistake in TypeScript is told at its line', () => {
  test('in the literal, in what a constant holds, and all at once', () => {
    const error = catchError(() =>
      defineInventory({
        groups: { storage: {} },
        hosts: {
          // @ts-expect-error a mistake, to see where it is told
          nas: { address: 'nas', groups: ['storag'] }, // here: groups
        },
        ssh: { port: 70000 }, // here: port
      }),
    );
    expect(error.details.at?.file).toMatch(/resolve\.test\.ts$/);
    const all = [error, ...(error.details.others ?? [])];
    expect(all.map(({ details }) => sourceLine(details.at))).toEqual([
      expect.stringContaining('here: groups'),
      expect.stringContaining('here: port'),
    ]);

    const constant = catchError(() => defineInventory({ hosts: shared as never }));
    expect(sourceLine(constant.details.at)).toContain('const shared');
  });
});

function sourceLine(at: { file: string; line?: number | undefined } | undefined): string {
  const { readFileSync } = process.getBuiltinModule('node:fs');
  return readFileSync(at?.file ?? '', 'utf8').split('\n')[(at?.line ?? 0) - 1] ?? '';
}
