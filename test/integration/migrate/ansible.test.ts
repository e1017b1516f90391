import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importAnsible } from '../../../src/migrate/ansible/import.ts';
import { readIni } from '../../../src/migrate/ansible/ini.ts';
import { InventoryData } from '../../../src/migrate/ansible/inventory-data.ts';
import { isList, isMapping, Template, type Value } from '../../../src/migrate/ansible/values.ts';
import { loadInventory } from '../../../src/model/load-inventory.ts';
import type { Host, Inventory } from '../../../src/model/types.ts';
import { loadModule } from '../../../src/playbook/load-module.ts';
import { usePlaceholders } from '../../../src/secrets/secret.ts';
import { LabError } from '../../../src/shared/errors.ts';
import { listByAnsible, type ParsedIni, parseIniByAnsible } from '../../support/ansible.ts';
import fc from '../../support/fast-check.ts';

/** The same shape from our own reader, or what it refuses the text for. */
function parseIni(text: string): ParsedIni | { readonly error: string } {
  const data = new InventoryData({ file: 'hosts' });
  try {
    readIni(text, 'hosts', data);
  } catch (thrown) {
    if (thrown instanceof LabError) return { error: thrown.message };
    throw thrown;
  }
  const variables = (map: ReadonlyMap<string, { readonly value: Value }>) =>
    Object.fromEntries([...map].map(([name, { value }]) => [name, plain(value)]));
  return {
    hosts: Object.fromEntries([...data.hosts.values()].map((host) => [host.name, variables(host.variables)])),
    groups: Object.fromEntries(
      [...data.groups.values()].map((group) => [
        group.name,
        { hosts: [...group.hosts], children: [...group.children].sort(), vars: variables(group.variables) },
      ]),
    ),
  };
}

function plain(value: Value): unknown {
  // As Python writes it: JSON has no number for it.
  if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return value > 0 ? 'inf' : '-inf';
  if (value instanceof Template) return value.text;
  if (isList(value)) return value.map(plain);
  return isMapping(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) : value;
}

const pieces = fc.constantFrom(
  ...`' " \\ # = [ ] { } ( ) , : ; . - + _ 0 1 07 1_0 0x1f 1e3 1.5 True None false a b é 'x' "y" \\' r'\\' b'z' \\n {{ ''' u`.split(
    ' ',
  ),
  ' ',
  '  ',
  '\t',
);
const rubbish = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
const literal = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => String(number)),
  fc.string({ maxLength: 8 }).map((text) => `'${text.replaceAll(/['\\\n\r\0]/g, '\\$&')}'`),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    'True',
    'None',
    'yes',
    '0644',
    '1, 2',
    '(1,)',
    '{1, 2}',
    '{"a": [1, (2, 3)]}',
    '\'a\' "b"',
    '5 # five',
  ),
);
const value = fc.oneof(rubbish, literal);
const quoted = fc.oneof(
  value,
  value.map((text) => `'${text.replaceAll("'", '')}'`),
  value.map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`),
);
const bound = fc.constantFrom('0', '1', '3', '01', '05', '12', '007', 'a', 'c', 'Z', '');
const range = fc
  .tuple(bound, bound, fc.constantFrom('', ':1', ':2', ':0', ':x'))
  .map(([first, last, step]) => `[${first}:${last}${step}]`);
const hostName = fc
  .array(
    fc.oneof({ weight: 3, arbitrary: fc.constantFrom('web', 'db-', '.example', '10.0.0.', 'ü', '_', '::1') }, range),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((parts) => parts.join(''));
const port = fc.constantFrom('', '', '', ':22', ':2222', ':', ':x');
const host = fc
  .tuple(hostName, port, fc.array(quoted, { maxLength: 2 }), fc.constantFrom('', ' # comment', '#x', ' ;x'))
  .map(
    ([name, end, values, comment]) =>
      [`${name}${end}`, ...values.map((text, at) => `v${at}=${text}`)].join(' ') + comment,
  );
const variable = fc
  .tuple(fc.constantFrom('v', 'w ', ' x'), fc.constantFrom('=', ' = '), value)
  .map((parts) => parts.join(''));
const group = fc.constantFrom('a', 'b', 'c', 'all', 'ungrouped');
const section = fc.oneof(
  fc.tuple(group, fc.array(host, { maxLength: 2 })).map(([name, lines]) => [`[${name}]`, ...lines]),
  fc.tuple(group, fc.array(variable, { maxLength: 2 })).map(([name, lines]) => [`[${name}:vars] # v`, ...lines]),
  fc
    .tuple(fc.constantFrom('a', 'b'), fc.array(fc.constantFrom('b', 'c # c', 'd'), { maxLength: 2 }))
    .map(([name, lines]) => [`[${name}:children]`, ...lines]),
);
const document = fc
  .array(section, { minLength: 1, maxLength: 3 })
  .map((sections) => ['', '; x', ...sections.flat()].join('\n'));

describe('INI as Ansible itself reads it', () => {
  test('lines, quotes, ranges and literals of any kind', async () => {
    const texts = fc.sample(document, 1500);
    const expected = await parseIniByAnsible(texts);
    let agreed = 0;
    for (const [at, text] of texts.entries()) {
      const theirs = expected[at] as ParsedIni | { error: string };
      const ours = parseIni(text);
      // Ansible takes a range that ends before it begins for no hosts; here it is a mistake.
      if ('error' in ours && ('error' in theirs || ours.error.includes('the range begins after its end'))) continue;
      expect({ text, ours }).toEqual({ text, ours: theirs });
      agreed++;
    }
    expect(agreed).toBeGreaterThan(150);
  });
});

const vaulted = `!vault |
  $ANSIBLE_VAULT;1.1;AES256
  66386439653236336462626566653063336164663966303231363934653561363964363833313662
`;
const homelab: Readonly<Record<string, string>> = {
  'inventory/hosts': `; what stands outside of a section is ungrouped
vps ansible_host=203.0.113.10 ansible_user=admin motd="a # is kept" # and this is not
switchbox:2222 ports='[22, 443]' tuple=1,2 label='"quoted"'

[storage] # nas and its copies
nas-[01:05:2].home.example disks=4 id=7 ansible_host='{{ inventory_hostname }}.lan'
backup-[a:c] ansible_host=""

[storage:vars]
raid = 6
share=/srv/share # no comment here
country = no
ntp_servers = ['a', "b"]

[indoors:children]
storage
cluster

[cluster]
node[1:3]
nas-01.home.example

[indoors:vars]
raid = 1
dns = {'port': 53, 'servers': ('10.77.1.1',)}
shared = from the inventory

[special]
node2
vps

[special:vars]
ansible_group_priority = 10
tier = special

[cluster:vars]
tier = cluster
`,
  'inventory/more.yml': `all:
  vars:
    ansible_user: root
    ntp: &ntp { servers: [a.example, b.example], port: 123 }
    version: 1.10
  children:
    cluster:
      vars:
        ntp: { <<: *ntp, port: 1123 }
        start: 1:30
        mode: 0644
        ratio: 1e3
        on: yes
        when: 2024-01-01
      hosts:
        node[4:5]:
          ansible_port: 22022
          rack: !unsafe '{{ no template }}'
    lonely:
      hosts:
        "[2001:db8::5]:2022":
          raid: null
`,
  'inventory/group_vars/all/main.yml': 'shared: from group_vars/all\nhttp: { port: 80, tls: false }\nempty: {}\n',
  'inventory/group_vars/all/sub/more.json': '{"big": 1e3, "deep": {"list": [1, {"two": null}]}}\n',
  'inventory/group_vars/storage.yml': 'http: { port: 8080 }\ngreeting: "{{ inventory_hostname }} says hello"\n',
  'inventory/group_vars/indoors': '---\nraid: 5\nquote: "it\'s \\"so\\"\\n\\u00e9 ‮"\n',
  'inventory/group_vars/special.yaml': `api_token: ${vaulted.replaceAll('\n', '\n  ')}\nsizes: [1, 2.5, -3]\n`,
  'inventory/host_vars/node1.yml': 'tier: node1\nhttp: { tls: true }\ngreeting: plain\n',
  'inventory/host_vars/nas-03.home.example/a': 'raid: 10\n',
  'inventory/host_vars/nas-03.home.example/b.yml': 'raid: 60\nansible_host: 10.77.1.33\n',
  'playbooks/group_vars/cluster.yml': 'tier: beside the playbooks\n',
};

async function load(
  folder: string,
  format: 'ts' | 'yaml',
  inventory: string,
  playbookFolder?: string,
): Promise<Inventory> {
  const { text } = importAnsible(join(folder, inventory), { format, role: 'ansible', playbookFolder });
  const file = join(folder, `lab-${format}/inventory.${format === 'ts' ? 'ts' : 'yml'}`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  using _ = usePlaceholders();
  return await loadInventory(file, { importModule: loadModule });
}

interface Listed {
  readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Host → every group that it is in, without all and ungrouped. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

function listed(json: Record<string, unknown>): Listed {
  const { _meta, ...groups } = json as Record<string, { hosts?: string[]; children?: string[] }> & {
    _meta: { hostvars: Listed['hostvars'] };
  };
  const members = (name: string): string[] => [
    ...(groups[name]?.hosts ?? []),
    ...(groups[name]?.children ?? []).flatMap(members),
  ];
  const hosts = [...new Set([...members('all'), ...Object.keys(_meta.hostvars)])];
  const named = Object.keys(groups).filter((name) => name !== 'all' && name !== 'ungrouped');
  return {
    hostvars: _meta.hostvars,
    groups: new Map(hosts.map((host) => [host, named.filter((name) => members(name).includes(host)).sort()])),
  };
}

/** The variables of a host as they came out; secrets show that they are some. */
function variablesOf(host: Host | undefined): unknown {
  return JSON.parse(JSON.stringify(host?.params.get('ansible') ?? {}));
}

/** What is expected of a host's variables: without those of the connection, without secrets and templates. */
function expectedVariables(hostvars: Readonly<Record<string, unknown>>): unknown {
  const kept = Object.entries(hostvars).filter(
    ([name, item]) => !name.startsWith('ansible_') && !(typeof item === 'string' && item.includes('says hello')),
  );
  return Object.fromEntries(
    kept.map(([name, item]) => {
      if (name === 'api_token') return [name, '‹secret›'];
      // Ansible marks what is no template.
      return [name, name === 'rack' ? (item as { __ansible_unsafe: string }).__ansible_unsafe : item];
    }),
  );
}

describe('a homelab as ansible-inventory lists it', () => {
  let folder: string;
  let list: Record<string, unknown>;
  let exported: Record<string, unknown>;
  let reread: Record<string, unknown>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lab-import-'));
    for (const [name, text] of Object.entries(homelab)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    [list = {}, exported = {}, reread = {}] = await listByAnsible(folder, [
      'ansible-inventory -i inventory --playbook-dir playbooks --list',
      'ansible-inventory -i inventory --list --export | tee /tmp/exported.json',
      // What was exported, as an inventory script gives it to Ansible.
      "printf '#!/bin/sh\\ncat /tmp/exported.json\\n' >/tmp/script; chmod +x /tmp/script; ansible-inventory -i /tmp/script --list",
    ]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(['ts', 'yaml'] as const)('has the same hosts, groups and variables as %s', async (format) => {
    expectSame(await load(folder, format, 'inventory', join(folder, 'playbooks')), list);
  });

  test('comes out of the list itself, which has every value at the hosts', async () => {
    writeFileSync(join(folder, 'list.json'), JSON.stringify(list));
    expectSame(await load(folder, 'yaml', 'list.json'), list);
  });

  test('comes out of --export as Ansible reads that', async () => {
    writeFileSync(join(folder, 'exported.json'), JSON.stringify(exported));
    expectSame(await load(folder, 'yaml', 'exported.json'), reread);
  });
});

function expectSame(ours: Inventory, list: Record<string, unknown>): void {
  const theirs = listed(list);
  const renamed = new Map([['2001:db8::5', '2001-db8-5']]);
  expect([...theirs.groups.keys()].map((host) => renamed.get(host) ?? host).sort()).toEqual(
    [...ours.hosts.keys()].sort(),
  );
  for (const [name, groups] of theirs.groups) {
    const host = ours.hosts.get(renamed.get(name) ?? name);
    const hostvars = theirs.hostvars[name] ?? {};
    expect({ name, groups: [...(host?.groups ?? [])].sort() }).toEqual({ name, groups });
    expect({ name, variables: variablesOf(host) }).toEqual({ name, variables: expectedVariables(hostvars) });
    const { address, user, port } = host?.connection ?? {};
    expect({ name, address, user, port }).toEqual({
      name,
      address: String(hostvars.ansible_host || name).replace('{{ inventory_hostname }}', name),
      user: hostvars.ansible_user,
      port: hostvars.ansible_port,
    });
  }
}
