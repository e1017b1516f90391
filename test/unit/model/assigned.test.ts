import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadInventory } from '../../../src/model/load-inventory.ts';
import type { Inventory } from '../../../src/model/types.ts';
import { loadModule } from '../../../src/playbook/load-module.ts';
import { formatLocation, formatPath, LabError } from '../../../src/shared/errors.ts';

/** A folder `inventory` with an inventory in YAML or TypeScript, and a lock file. */
function inventoryOf(files: { readonly yaml?: string; readonly typescript?: string; readonly lock?: string }) {
  const root = mkdtempSync(join(tmpdir(), 'lab-assigned-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'inventory'));
  const write = (name: string, text: string): string => {
    writeFileSync(join(root, 'inventory', name), text);
    return join(root, 'inventory', name);
  };
  if (files.lock !== undefined) write('lab.lock.yml', files.lock);
  const file =
    files.typescript === undefined ? write('index.yml', files.yaml ?? '') : write('index.ts', files.typescript);
  return { root, load: () => loadInventory(file, { importModule: loadModule }) };
}

/** Every mistake, as `file:line:column path · message · expected · found · hint`. */
async function mistakes(files: Parameters<typeof inventoryOf>[0]): Promise<string[]> {
  const { root, load } = inventoryOf(files);
  try {
    await load();
    return [];
  } catch (thrown) {
    if (!(thrown instanceof LabError)) throw thrown;
    return [thrown, ...(thrown.details.others ?? [])].map(({ message, details: { at, path = [], ...details } }) => {
      const where = at === undefined ? '' : formatLocation(at).replace(`${root}/inventory/`, '');
      return [`${where} ${formatPath(path)}`, message, details.expected, details.found, details.hint].join(' · ');
    });
  }
}

function addressesOf({ hosts, devices }: Inventory): Record<string, unknown> {
  return Object.fromEntries(
    [...hosts.values(), ...devices.values()].map(({ name, addresses, assigned }) => [
      name,
      { ...Object.fromEntries(addresses), assigned },
    ]),
  );
}

const networks = `networks:
  home: { prefixes: 10.77.1.0/24 }
  vpn: { prefixes: [10.80.0.0/24, 'fd80::/64'], tunnel: true }
`;

test('auto is an address from each prefix, for hosts and devices, in the place where it was written', async () => {
  const { load } = inventoryOf({
    yaml: `${networks}hosts:
  nas: { addresses: { vpn: auto, home: 10.77.1.10 } }
  vps: { address: vps.example, addresses: { vpn: [10.80.0.1, 'fd80:0::1'] } }
devices:
  phone: { addresses: { vpn: auto } }
  printer: { addresses: { home: 10.77.1.20 } }
  tablet:
`,
  });
  const inventory = await load();
  expect(addressesOf(inventory)).toEqual({
    nas: { vpn: ['10.80.0.2', 'fd80::2'], home: ['10.77.1.10'], assigned: ['vpn'] },
    vps: { vpn: ['10.80.0.1', 'fd80::1'], assigned: [] },
    phone: { vpn: ['10.80.0.3', 'fd80::3'], assigned: ['vpn'] },
    printer: { home: ['10.77.1.20'], assigned: [] },
    tablet: { assigned: [] },
  });
  expect([...(inventory.hosts.get('nas')?.addresses.keys() ?? [])]).toEqual(['vpn', 'home']);
  // The address inside the tunnel is not where a host is reached before it has one.
  expect(inventory.hosts.get('nas')?.connection.address).toBe('10.77.1.10');
});

test('what the lock file has stays, in the form of lab and in that of a person', async () => {
  const yaml = `${networks}hosts:
  nas: { address: nas, addresses: { vpn: auto } }
devices:
  phone: { addresses: { vpn: auto } }
`;
  for (const lock of [
    'version: 1\nhosts:\n  nas:\n    addresses:\n      vpn: [ 10.80.0.7, fd80::7 ]\n  old:\n    addresses:\n      vpn: [ 10.80.0.1, fd80::1 ]\n',
    'version: 1\nhosts:\n  nas: { addresses: { vpn: [ "10.80.0.7", FD80::7 ] } }\n  old: { addresses: { vpn: [ 10.80.0.1 ] } }\n',
  ]) {
    const inventory = await inventoryOf({ yaml, lock }).load();
    expect(addressesOf(inventory)).toMatchObject({
      nas: { vpn: ['10.80.0.7', 'fd80::7'] },
      phone: { vpn: ['10.80.0.2', 'fd80::2'] },
    });
  }
});

describe('a damaged lock file', () => {
  const lock = 'version: 1\nhosts:\n  nas: [\n';
  const host = (addresses: string) => `${networks}hosts:\n  nas: { address: nas, addresses: ${addresses} }\n`;

  test('is an error of its own where an address is assigned', async () => {
    const { root, load } = inventoryOf({ yaml: host('{ vpn: auto }'), lock });
    await expect(load()).rejects.toMatchObject({
      code: 'LOCK_FILE',
      details: { at: { file: join(root, 'inventory/lab.lock.yml') } },
    });
    const typescript = `import { defineInventory } from 'labwright';
export default defineInventory({
  networks: { vpn: { prefixes: '10.80.0.0/24', tunnel: true } },
  hosts: { nas: { address: 'nas', addresses: { vpn: 'auto' } } },
});
`;
    await expect(inventoryOf({ typescript, lock }).load()).rejects.toMatchObject({ code: 'LOCK_FILE' });
  });

  test('is not looked at where none is', async () => {
    const inventory = await inventoryOf({ yaml: host('{ vpn: 10.80.0.9 }'), lock }).load();
    expect(addressesOf(inventory)).toEqual({ nas: { vpn: ['10.80.0.9'], assigned: [] } });
  });
});

describe('mistakes in YAML', () => {
  const lock =
    'version: 1\nhosts:\n  nas:\n    addresses:\n      vpn: [ 10.80.0.5 ]\n  vps:\n    addresses:\n      vpn: [ 10.80.0.6, fd80::6 ]\ndevices:\n  phone:\n    addresses:\n      vpn: [ 10.80.0.6, fd80::8 ]\n';

  test.each([
    [
      'auto where there are wires',
      'hosts:\n  nas: { addresses: { home: auto } }\n',
      [
        /^index\.yml:5:3 hosts\.nas · nothing says how to connect/,
        /^index\.yml:5:23 hosts\.nas\.addresses\.home · no address is assigned on the network "home", which is no tunnel · an address, or a network with tunnel: true · auto · write the address/,
      ],
    ],
    [
      'auto for a device where there are wires',
      'hosts:\ndevices:\n  phone: { addresses: { home: auto } }\n',
      [/^index\.yml:6:25 devices\.phone\.addresses\.home · no address is assigned on the network "home"/],
    ],
    [
      'auto in a list',
      'hosts:\n  nas: { address: nas, addresses: { vpn: [auto, "fd80::9"] } }\n',
      [
        /^index\.yml:5:43 hosts\.nas\.addresses\.vpn\[0\] · this is no IP address .* auto · .*the whole value is the word auto/,
      ],
    ],
    [
      'auto in capitals',
      'hosts:\n  nas: { address: nas, addresses: { vpn: AUTO } }\n',
      [/^index\.yml:5:37 hosts\.nas\.addresses\.vpn · this is no IP address .*as in vpn: auto/],
    ],
    [
      'a host without any other address',
      'hosts:\n  nas: { addresses: { vpn: auto } }\n',
      [/^index\.yml:5:3 hosts\.nas · nothing says how to connect to "nas" .* only what is assigned, .*add address/],
    ],
    [
      'a device on a network that does not exist',
      'hosts:\ndevices:\n  phone: { addresses: { vpm: auto } }\n',
      [/^index\.yml:6:25 devices\.phone\.addresses\.vpm · no network is called "vpm" .*"vpn"/],
    ],
    [
      'a device outside the network, one with a reserved address, and one with that of a host',
      'hosts:\n  nas: { addresses: { home: 10.77.1.10 } }\ndevices:\n  a: { addresses: { home: 10.77.2.1 } }\n  b: { addresses: { home: 10.77.1.255 } }\n  c: { addresses: { home: 10.77.1.10 } }\n',
      [
        /^index\.yml:7:21 devices\.a\.addresses\.home · this address is outside the network "home"/,
        /^index\.yml:8:21 devices\.b\.addresses\.home · this is the broadcast address/,
        /^index\.yml:9:21 devices\.c\.addresses\.home · this address is used twice .*"nas" has already/,
      ],
    ],
    [
      'the address of a running host, given to a device',
      'hosts:\n  nas: { address: nas, addresses: { vpn: auto } }\ndevices:\n  tablet: { addresses: { vpn: 10.80.0.5 } }\n',
      [
        /^index\.yml:7:26 devices\.tablet\.addresses\.vpn · this address is assigned to "nas" · .* · 10\.80\.0\.5, which the lock file keeps for "nas" · give "tablet" another one; or take hosts\.nas\.addresses\.vpn out of the lock file/,
      ],
    ],
    [
      'one address for two in the lock file',
      'hosts:\n  vps: { address: vps, addresses: { vpn: auto } }\ndevices:\n  phone: { addresses: { vpn: auto } }\n',
      [/^index\.yml:5:37 hosts\.vps\.addresses\.vpn · "vps" and "phone" are assigned the same address .*10\.80\.0\.6/],
    ],
  ])('%s', async (_, rest, expected) => {
    expect(await mistakes({ yaml: `${networks}${rest}`, lock })).toEqual(
      expected.map((each) => expect.stringMatching(each)),
    );
  });

  test('a full prefix', async () => {
    const small = 'networks: { vpn: { prefixes: 10.80.0.0/30, tunnel: true } }\n';
    const rest = 'devices:\n  a: { addresses: { vpn: auto } }\n  b: { addresses: { vpn: 10.80.0.1 } }\nhosts:\n';
    expect(await mistakes({ yaml: `${small}${rest}  nas: { address: nas, addresses: { vpn: auto } }\n` })).toEqual([
      expect.stringMatching(
        /^index\.yml:6:37 hosts\.nas\.addresses\.vpn · the network "vpn" has no address left for "nas"/,
      ),
    ]);
  });
});

test.each([
  [
    'auto where there are wires',
    "nas: { address: 'nas', addresses: { home: 'auto' } },",
    /^index\.ts:7:41 hosts\.nas\.addresses\.home · no address is assigned on the network "home"/,
  ],
  [
    'the address of a running host',
    "nas: { address: 'nas', addresses: { vpn: 'auto' } },\n    vps: { address: 'vps', addresses: { vpn: ['10.80.0.5'] } },",
    /^index\.ts:8:41 hosts\.vps\.addresses\.vpn · this address is assigned to "nas"/,
  ],
])('a mistake in TypeScript has its line: %s', async (_, hosts, expected) => {
  const typescript = `import { defineInventory } from 'labwright';
export default defineInventory({
  networks: {
    home: { prefixes: '10.77.1.0/24' }, vpn: { prefixes: '10.80.0.0/24', tunnel: true },
  },
  hosts: {
    ${hosts}
  },
});
`;
  const lock = 'version: 1\nhosts:\n  nas:\n    addresses:\n      vpn: [ 10.80.0.5 ]\n';
  expect(await mistakes({ typescript, lock })).toEqual([expect.stringMatching(expected)]);
});
