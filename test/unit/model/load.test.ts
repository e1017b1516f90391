import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { findInventory, loadInventory } from '../../../src/model/load-inventory.ts';
import { inventoryJsonSchema } from '../../../src/model/schema.ts';
import type { Inventory, Provenance } from '../../../src/model/types.ts';
import { loadModule } from '../../../src/playbook/load-module.ts';
import { LabError } from '../../../src/shared/errors.ts';
import { Secret } from '../../../src/shared/secret.ts';

const project = fileURLToPath(new URL('../../../', import.meta.url));
const homelab = fileURLToPath(new URL('./fixtures/homelab.yml', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lab-inventory-'));
});

async function write(path: string, text: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

describe('the example homelab', () => {
  test('is the same in TypeScript and in YAML', async () => {
    const typescript = await loadInventory(join(project, 'inventory/index.ts'), { importModule: loadModule });
    const yaml = await loadInventory(homelab);
    expect([...typescript.hosts.keys()]).toEqual(['vps', 'nas', 'node1', 'node2']);
    expect(withoutFiles(yaml, dirname(homelab))).toEqual(withoutFiles(typescript, project));
  });

  /** What differs by nature: files, lines, and where relative paths start. */
  function withoutFiles(inventory: Inventory, root: string): unknown {
    const places = (map: ReadonlyMap<string, Provenance> | undefined) =>
      [...(map ?? [])].map(([key, { level, name, path }]) => [key, level, name, path]);
    const hosts = [...inventory.hosts.values()].map(({ provenance, connectionProvenance, connection, ...host }) => ({
      ...host,
      connection: { ...connection, identityFile: connection.identityFile?.slice(root.replace(/\/$/, '').length) },
      provenance: places(provenance),
      connectionProvenance: places(connectionProvenance),
    }));
    return { ...inventory, source: undefined, hosts };
  }

  test('keeps paths relative to the folder around the inventory folder', async () => {
    const { hosts } = await loadInventory(join(project, 'inventory/index.ts'), { importModule: loadModule });
    expect(hosts.get('nas')?.connection.identityFile).toBe(join(project, '.lab/sandbox/id_ed25519'));
  });
});

describe('a file of YAML', () => {
  test('knows the line of each parameter', async () => {
    const { hosts } = await loadInventory(homelab);
    const at = hosts.get('nas')?.provenance.get('base.timezone')?.at;
    const line = (await readFile(homelab, 'utf8')).split('\n')[(at?.line ?? 0) - 1];
    expect(at?.file).toBe(homelab);
    expect(line?.slice((at?.column ?? 0) - 1)).toBe('timezone: Europe/Berlin');
  });

  test('gets its secrets from the resolver, as secrets, in parameters and connections', async () => {
    const file = await write(
      'inventory.yml',
      'hosts:\n  nas:\n    address: nas\n    ssh: { password: !secret nas.ssh }\n    params: { r: { list: [ !secret nas.list ] } }\n',
    );
    const asked: string[] = [];
    const { hosts } = await loadInventory(file, {
      resolveSecret: (path, at) => {
        asked.push(`${path} ${at.line}`);
        return Promise.resolve(new Secret(`value of ${path}`, path));
      },
    });
    expect(asked).toEqual(['nas.ssh 4', 'nas.list 5']);
    expect(hosts.get('nas')?.connection.password).toBeInstanceOf(Secret);
    expect(hosts.get('nas')?.params.get('r')?.list).toEqual([expect.any(Secret)]);
    expect(JSON.stringify([...hosts.values()].map((host) => [host.connection, [...host.params]]))).not.toContain(
      'value of',
    );
  });

  test('tells every secret that is missing, at its line; mistakes of the document come first', async () => {
    const resolveSecret = (path: string) => {
      throw new LabError('SECRET_MISSING', `there is no secret "${path}"`);
    };
    const lost = await write(
      'lost.yml',
      'hosts:\n  nas:\n    address: nas\n    ssh: { password: !secret a, passphrase: !secret b }\n',
    );
    await expect(loadInventory(lost, { resolveSecret })).rejects.toMatchObject({
      code: 'SECRET_MISSING',
      details: { at: { file: lost, line: 4 }, others: [{ message: 'there is no secret "b"' }] },
    });
    const wrong = await write('wrong.yml', 'hosts:\n  nas: { adress: nas, ssh: { password: !secret a } }\n');
    await expect(loadInventory(wrong, { resolveSecret })).rejects.toMatchObject({
      code: 'INVENTORY_INVALID',
      details: { at: { line: 2 } },
    });
  });

  test('may begin with a byte order mark and end lines with CRLF', async () => {
    const file = await write('inventory.yml', '\uFEFFhosts:\r\n  nas:\r\n    address: nas\r\n');
    expect([...(await loadInventory(file)).hosts.keys()]).toEqual(['nas']);
  });

  test('is found by a file URL', async () => {
    const file = await write('inventory.yaml', 'hosts: { nas: { address: nas } }\n');
    expect([...(await loadInventory(pathToFileURL(file))).hosts.keys()]).toEqual(['nas']);
  });

  test('is found relative to the file that asks for it', async () => {
    expect([...(await loadInventory('./fixtures/homelab.yml')).hosts.keys()]).toHaveLength(4);
  });
});

describe('a file of TypeScript', () => {
  test('tells a mistake at the line of the key', async () => {
    const file = await write(
      'inventory/index.ts',
      "import { defineInventory } from 'labwright';\nexport default defineInventory({\n  hosts: {\n    nas: { addres: 'nas' } as never,\n  },\n});\n",
    );
    const error = await loadInventory(file, { importModule: loadModule }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'INVENTORY_INVALID',
      details: { at: { file, line: 4, column: 12 }, path: ['hosts', 'nas', 'addres'], hint: 'did you mean "address"?' },
    });
  });

  test('that exports something else is refused', async () => {
    const file = await write('inventory/index.ts', 'export const hosts = {};\n');
    await expect(loadInventory(file, { importModule: loadModule })).rejects.toMatchObject({
      code: 'INVENTORY_INVALID',
      details: { found: 'exports hosts' },
    });
  });

  test('is imported, not loaded, where no importer is given', async () => {
    await expect(loadInventory(join(project, 'inventory/index.ts'))).rejects.toMatchObject({ code: 'USAGE' });
  });
});

test.each(['nothing.yml', 'nothing.ts', 'hosts.ini'])('%s is not found', async (name) => {
  await expect(loadInventory(join(folder, name), { importModule: loadModule })).rejects.toMatchObject({
    code: 'INVENTORY_NOT_FOUND',
  });
});

describe('looking for the inventory', () => {
  test.each(['inventory/index.ts', 'inventory/index.yml', 'inventory.ts', 'inventory.yml'])(
    'finds %s, also from a folder below',
    async (name) => {
      const file = await write(name, '');
      await mkdir(join(folder, 'playbooks'));
      expect(await findInventory(folder)).toBe(file);
      expect(await findInventory(join(folder, 'playbooks'))).toBe(file);
    },
  );

  test('refuses to choose between two', async () => {
    await write('inventory/index.ts', '');
    await write('inventory.yml', '');
    await expect(findInventory(folder)).rejects.toMatchObject({
      code: 'USAGE',
      details: { found: 'inventory/index.ts and inventory.yml' },
    });
  });

  test('says where it looked', async () => {
    await expect(findInventory(folder)).rejects.toMatchObject({
      code: 'INVENTORY_NOT_FOUND',
      details: { expected: expect.stringContaining('inventory.yml') },
    });
  });
});

test('schema/inventory.v1.json is up to date (node scripts/write-inventory-schema.mjs)', async () => {
  expect(JSON.parse(await readFile(join(project, 'schema/inventory.v1.json'), 'utf8'))).toEqual(inventoryJsonSchema());
});
