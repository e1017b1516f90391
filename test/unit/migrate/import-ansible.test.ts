import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test, vi } from 'vitest';
import { register } from '../../../src/cli/import.ts';
import { importAnsible } from '../../../src/migrate/ansible/import.ts';
import type { NoteKind } from '../../../src/migrate/ansible/notes.ts';
import { loadInventory } from '../../../src/model/load-inventory.ts';
import type { Host } from '../../../src/model/types.ts';
import { loadModule } from '../../../src/playbook/load-module.ts';
import { usePlaceholders } from '../../../src/secrets/secret.ts';
import type { LabError } from '../../../src/shared/errors.ts';
import { labErrorOf, project } from '../playbook/project.ts';

interface Outcome {
  readonly text: string;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly groups: readonly string[];
  readonly secrets: readonly string[];
  /** `what: why @file:line` */
  notes(kind: NoteKind): string[];
}

/** Imports `hosts` (or `inventory/`, when there is one) and loads what was written. */
async function imported(files: Record<string, string>, format: 'ts' | 'yaml' = 'yaml'): Promise<Outcome> {
  const cwd = project(files);
  const source = Object.keys(files).some((name) => name.startsWith('inventory/'))
    ? 'inventory'
    : (Object.keys(files)[0] ?? '');
  const { text, secrets, notes } = importAnsible(join(cwd, source), { format, role: 'ansible' });
  const file = join(cwd, `lab/inventory.${format === 'ts' ? 'ts' : 'yml'}`);
  mkdirSync(join(cwd, 'lab'));
  writeFileSync(file, text);
  using _ = usePlaceholders();
  const inventory = await loadInventory(file, { importModule: loadModule });
  return {
    text,
    hosts: inventory.hosts,
    groups: [...inventory.groups.keys()],
    secrets: secrets.map(({ path }) => path),
    notes: (kind) =>
      notes.of(kind).map(({ at, what, why }) => {
        const place =
          at === undefined ? '' : ` @${at.file.slice(cwd.length + 1)}${at.line === undefined ? '' : `:${at.line}`}`;
        return `${what}: ${why}${place}`;
      }),
  };
}

async function connection(line: string, more = ''): Promise<Host['connection'] | undefined> {
  return (await imported({ hosts: `nas ${line}\n${more}` })).hosts.get('nas')?.connection;
}

const refusal = (files: Record<string, string>): Promise<LabError> => labErrorOf(() => imported(files));

describe('connections', () => {
  test('address, port, user and key', async () => {
    const settings =
      'ansible_host=10.0.0.2 ansible_port=2222 ansible_user=ada ansible_ssh_private_key_file=~/.ssh/lab ansible_timeout=30';
    expect(await connection(settings)).toMatchObject({
      transport: 'ssh',
      address: '10.0.0.2',
      port: 2222,
      user: 'ada',
      identityFile: expect.stringMatching(/^\/.*\.ssh\/lab$/),
      connectTimeoutSeconds: 30,
      become: 'sudo',
    });
  });

  test('older names of variables count after the newer ones', async () => {
    const settings = 'ansible_host=10.0.0.2 ansible_ssh_host=10.0.0.3 ansible_user=ada ansible_ssh_user=bob';
    expect(await connection(settings)).toMatchObject({ address: '10.0.0.3', user: 'bob' });
  });

  test.each([
    ['ansible_become=yes', 'sudo'],
    ['ansible_become=false', 'none'],
    ['ansible_become=yes ansible_user=root', 'none'],
    ['ansible_become_method=doas', 'doas'],
    ['ansible_become=True ansible_become_method=community.general.doas', 'doas'],
    ['ansible_user=root', 'none'],
  ])('%s', async (settings, become) => {
    expect((await connection(settings))?.become).toBe(become);
  });

  test('a host that is not root says so where its group becomes nobody', async () => {
    const { hosts } = await imported({
      hosts:
        '[a]\nnas\nvps ansible_user=ada\n[a:vars]\nansible_user=root\nansible_become=true\nansible_become_method=doas\n',
    });
    expect(hosts.get('nas')?.connection).toMatchObject({ user: 'root', become: 'none' });
    expect(hosts.get('vps')?.connection).toMatchObject({ user: 'ada', become: 'doas' });
  });

  test.each([
    ['-J ada@192.0.2.1:2222', ['ada@192.0.2.1:2222']],
    ['-o ProxyJump=one,ssh://two', ['one', 'two']],
    ['-oProxyCommand="ssh -q -p 2222 -W %h:%p ada@192.0.2.1"', ['ada@192.0.2.1:2222']],
    ['-o ProxyCommand="ssh -W [%h]:%p -l ada 192.0.2.1"', ['ada@192.0.2.1']],
    ['-o "ProxyCommand ssh 192.0.2.1 nc -w 5 %h %p"', ['192.0.2.1']],
    ['-o ProxyJump=none', undefined],
    ['-J bastion', ['root@192.0.2.9:22022']],
    ['-J 192.0.2.9', ['root@192.0.2.9:22022']],
    ['-J ada@192.0.2.9', ['ada@192.0.2.9']],
  ])('jump hosts: %s', async (args, proxyJump) => {
    const bastion = 'bastion ansible_host=192.0.2.9 ansible_user=root ansible_port=22022\n';
    const found = await connection(`ansible_ssh_common_args='${args}'`, bastion);
    expect(found?.proxyJump).toEqual(proxyJump);
  });

  test('a host of the group is left without the jump host that it is itself, or that it takes back', async () => {
    const { hosts } = await imported({
      hosts: `bastion ansible_host=192.0.2.9\nnas\nother ansible_ssh_common_args=""\n[all:vars]\nansible_ssh_common_args=-J bastion\n`,
    });
    expect([...hosts.values()].map(({ connection: { proxyJump } }) => proxyJump)).toEqual([
      undefined,
      ['192.0.2.9'],
      undefined,
    ]);
  });

  test('what ssh is told beyond that is named', async () => {
    const { notes, hosts } = await imported({
      hosts: `nas ansible_ssh_common_args='-o StrictHostKeyChecking=no -A -i keys/id -o ProxyCommand="sshpass -p hunter2 ssh -W %h:%p x"'\n`,
    });
    expect(hosts.get('nas')?.connection.identityFile).toMatch(/\/lab\/keys\/id$/);
    expect(notes('left out')).toEqual([
      'ansible_ssh_common_args: -o StrictHostKeyChecking=no: keys of hosts are pinned in the lock file, always @hosts:1',
      'ansible_ssh_common_args: -A: ~/.ssh/config is read, put it there @hosts:1',
      'ansible_ssh_common_args: -o ProxyCommand=…: ~/.ssh/config is read, put it there @hosts:1',
    ]);
  });

  test('local, docker, and what lab cannot connect by', async () => {
    const { hosts, notes } = await imported({
      hosts:
        'me ansible_connection=local\nbox ansible_connection=community.docker.docker\nwin ansible_connection=winrm\nswitch ansible_connection=ansible.netcommon.network_cli\n',
    });
    expect([...hosts.values()].map(({ name, connection: { transport } }) => `${name} ${transport}`)).toEqual([
      'me local',
      'box docker',
    ]);
    expect(notes('left out').map((note) => note.split(';')[0])).toEqual([
      'host win: lab cannot connect by "winrm"',
      'host switch: lab cannot connect by "ansible.netcommon.network_cli"',
    ]);
  });

  test('templates that only name variables are filled in, others are named', async () => {
    const { hosts, notes } = await imported({
      hosts:
        'a ansible_host="{{ net }}.{{ n }}" n=5\nb ansible_port="{{ p | int }}"\nc ansible_user="{{ d }}" d="{{ e }}" e="{{ d }}"\nd ansible_host="{{ x | y }}" ansible_ssh_private_key_file="{{ inventory_dir }}/keys/id"\n[all:vars]\nnet=10.0.0\nansible_port={{ base }}\nbase=2200\n',
    });
    expect(hosts.get('a')?.connection).toMatchObject({ address: '10.0.0.5', port: 2200 });
    expect(hosts.get('b')?.connection.port).toBeUndefined();
    expect(hosts.get('d')?.connection).toMatchObject({
      address: 'd',
      identityFile: expect.stringMatching(/^\/.*\/keys\/id$/),
    });
    expect(notes('changed')).toContain('host d: its name is dialled, as its address was left out @hosts:4');
    expect(hosts.get('c')?.connection).toMatchObject({ address: 'c', port: 2200 });
    expect(notes('left out')).toEqual([
      'ansible_port: a template that is more than the names of variables @hosts:2',
      'ansible_user: a template that is more than the names of variables @hosts:3',
      'd: a template: write its value in TypeScript @hosts:3',
      'e: a template: write its value in TypeScript @hosts:3',
      'ansible_host: a template that is more than the names of variables @hosts:4',
    ]);
  });
});

describe('secrets', () => {
  const files = {
    'inventory/hosts': `web ansible_password=canary-1 ansible_become_pass='canary "2"' api_token=canary-3 key_file=/etc/key
[all:vars]
ansible_ssh_pass={{ vault_pass }}
db_password="{{ vault_db }}"
`,
    'inventory/group_vars/all/vars.yml': `plain: !vault |
  $ANSIBLE_VAULT;1.1;AES256
  63616e6172792d34
users: [{ name: ada, password: canary-5 }]
mail: { smtp: { secret: canary-6, port: 25 }, tls_private_key: /etc/ssl/key }
`,
    'inventory/group_vars/all/vault': '$ANSIBLE_VAULT;1.2;AES256;home\n63616e6172792d37\n',
  };

  test.each(['ts', 'yaml'] as const)('never come along, and have a place to be filled (%s)', async (format) => {
    const { text, secrets, notes, hosts } = await imported(files, format);
    expect(text).not.toMatch(/canary|63616e|ANSIBLE_VAULT|vault_/);
    expect(secrets).toEqual([
      'all.password',
      'all.db_password',
      'all.plain',
      'all.users[0].password',
      'all.mail.smtp.secret',
      'web.becomePassword',
      'web.api_token',
    ]);
    expect(notes('left out')).toEqual([
      'a whole file: it is encrypted: ansible-vault view shows what belongs into lab secrets edit @inventory/group_vars/all/vault',
    ]);
    expect(hosts.get('web')?.params.get('ansible')).toMatchObject({
      key_file: '/etc/key',
      mail: { smtp: { port: 25 }, tls_private_key: '/etc/ssl/key' },
    });
  });
});

describe('variables', () => {
  test('maps replace each other, as in Ansible, where lab would merge them', async () => {
    const { hosts, notes } = await imported({
      hosts: `[g]\na\nb m="{'y': 2}"\n[all:vars]\nm={'x': 1}\nn=1\n`,
    });
    expect([...hosts.values()].map(({ params }) => params.get('ansible'))).toEqual([
      { n: 1, m: { x: 1 } },
      { n: 1, m: { y: 2 } },
    ]);
    expect(notes('changed')).toEqual([
      'm: stands at each host now: groups would come to something else than in Ansible',
    ]);
  });

  test('what is a template for one host is absent there, and not the value of its group', async () => {
    const { hosts } = await imported({ hosts: 'a\nb port="{{ x + 1 }}"\n[all:vars]\nport=80\n' });
    expect([...hosts.values()].map(({ params }) => params.get('ansible'))).toEqual([{ port: 80 }, undefined]);
  });

  test('names that mean something in TypeScript and YAML stay names', async () => {
    const files = {
      'hosts.yml':
        'all: { hosts: { a: { constructor: 1, "a-b": 2, "y": yes, "1": no, "it\'s \\"\\n": "\\\\ \\u2028 \\"\'`$x" } } }\n',
    };
    for (const format of ['ts', 'yaml'] as const) {
      const { hosts } = await imported(files, format);
      const expected = { constructor: 1, 'a-b': 2, y: true, '1': false, 'it\'s "\n': '\\ \u2028 "\'`$x' };
      expect(hosts.get('a')?.params.get('ansible')).toEqual(expected);
    }
  });

  test('dates, and numbers that JavaScript has none of, stay text', async () => {
    const { hosts } = await imported({
      'hosts.yml': 'all: { hosts: { a: { d: 2024-01-02, n: 12345678901234567890, f: .inf } } }\n',
    });
    expect(hosts.get('a')?.params.get('ansible')).toEqual({ d: '2024-01-02', n: '12345678901234567890', f: '.inf' });
  });

  test('files of variables that nobody has, and what Ansible passes over, are named', async () => {
    const { notes } = await imported({
      'inventory/hosts': 'a ansible_python_interpreter=/usr/bin/python3\n',
      'inventory/old.ini': 'b\n',
      'inventory/group_vars/webb.yml': 'x: 1\n',
      'inventory/host_vars/a.txt': 'x: 1\n',
    });
    expect(notes('left out')).toEqual([
      'old.ini: Ansible passes over *.ini in a folder; name the file itself to import it @inventory/old.ini',
      'webb.yml: no group of the inventory is called "webb" @inventory/group_vars/webb.yml',
      'a.txt: no host of the inventory is called "a.txt" @inventory/host_vars/a.txt',
      'ansible_python_interpreter: lab needs no Python on a host @inventory/hosts:1',
    ]);
  });
});

describe('names', () => {
  test('that lab does not take are translated', async () => {
    const { hosts, groups, notes } = await imported({
      hosts: '2001:db8::7\n12 ansible_host=10.0.0.12\n[_dmz]\ninternet\n[nas]\nnas\n[münchen:children]\n_dmz\n',
    });
    expect([...hosts.keys()]).toEqual(['2001-db8-7', 'host-12', 'internet-host', 'nas']);
    expect(hosts.get('2001-db8-7')?.connection.address).toBe('2001:db8::7');
    expect(groups).toEqual(['dmz', 'nas-group', 'munchen']);
    expect(notes('renamed')).toContain('nas: is the group "nas-group" now @hosts:5');
  });

  test('that would become the same are an error with both places', async () => {
    const { message, details } = await refusal({ hosts: 'a_b\nx\n_x\n' });
    expect(message).toBe('"_x" and "x" would both be called "x"');
    expect(details).toMatchObject({ at: { line: 3 }, found: expect.stringMatching(/hosts:2$/) });
  });
});

/** Ten aliases of ten aliases, seven times. */
const billion = `all:
  vars:
    a0: &a0 [x]
${[1, 2, 3, 4, 5, 6, 7]
  .map(
    (level) =>
      `    a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(', ')}]\n`,
  )
  .join('')}  hosts: { a: }
`;

describe('what cannot be imported is refused with its place and what to do', () => {
  test.each([
    ['a program', { script: '#!/bin/sh\necho {}\n' }, /is a program/, /--list --export/],
    ['a plugin', { 'aws.yml': '---\nplugin: amazon.aws.aws_ec2\n' }, /plugin "amazon.aws.aws_ec2"/, /--list --export/],
    ['TOML', { 'hosts.toml': '[all]\n' }, /is TOML/, /--list --export/],
    ['an encrypted file', { hosts: '$ANSIBLE_VAULT;1.1;AES256\n6162\n' }, /is encrypted/, /ansible-vault decrypt/],
    ['no hosts', { hosts: '[a]\n' }, /no hosts/, undefined],
    ['YAML that is none', { 'hosts.yml': 'all: {\n' }, /no YAML/, undefined],
    ['a list of hosts in YAML', { 'hosts.yml': 'all: { hosts: [a, b] }\n' }, /"hosts" has to be a mapping/, undefined],
    ['an unknown tag', { 'hosts.yml': 'all: { hosts: { a: { x: !ruby 1 } } }\n' }, /tag "!ruby"/, undefined],
    ['aliases that grow', { 'hosts.yml': billion }, /grows beyond measure/, undefined],
    ['a group in itself', { hosts: 'x\n[a:children]\nb\n[b:children]\na\n' }, /contains itself/, undefined],
    ['an unknown group', { hosts: 'x\n[a:children]\nb\n' }, /no group is called "b"/, undefined],
    ['a range of too many', { hosts: 'web[1:99999999]\n' }, /more than 10000 hosts/, undefined],
    ['ranges of too many', { hosts: 'web[1:999]-[1:999]\n' }, /more than 10000 hosts/, undefined],
    [
      'one machine twice',
      { hosts: 'a ansible_host=10.0.0.1\nb ansible_host=10.0.0.1\n' },
      /connect to the same address/,
      /change a copy/,
    ],
  ])('%s', async (_, files, message, hint) => {
    const error = await refusal(files);
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(4);
    expect(error.details.at?.file).toContain(Object.keys(files)[0]);
    if (hint !== undefined) expect(error.details.hint).toMatch(hint);
  });

  test('a line with a password in it is not shown', async () => {
    for (const line of [`ansible_password='hunter2`, 'ansible_password= hunter2', 'x hunter2 # token']) {
      const { details } = await refusal({ hosts: `nas ${line}\n` });
      expect(JSON.stringify(details)).not.toContain('hunter2');
      expect(details.at).toMatchObject({ line: 1 });
    }
  });
});

describe('lab import ansible', () => {
  /** In this process: what it writes to standard output, and to standard error. */
  async function lab(...argv: string[]): Promise<{ stdout: string; stderr: string }> {
    const program = new Command('lab').exitOverride();
    register(program);
    const written = { stdout: '', stderr: '' };
    const spies = (['stdout', 'stderr'] as const).map((name) =>
      vi.spyOn(process[name], 'write').mockImplementation((text) => {
        written[name] += String(text);
        return true;
      }),
    );
    try {
      await program.parseAsync(['import', 'ansible', ...argv], { from: 'user' });
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    return written;
  }

  test('writes the inventory, and tells what it did on standard error', async () => {
    const cwd = project({ hosts: 'nas ansible_host=10.0.0.2 ansible_become_pass=x rack=7 tpl="{{ a }}"\n' });
    const out = join(cwd, 'inventory/index.ts');
    const { stdout, stderr } = await lab(join(cwd, 'hosts'), '-o', out, '--role', 'site');
    expect(stdout).toBe('');
    expect(stderr).toContain('taken over: 1 host, 0 groups, 1 variable as parameters of the role "site"\n');
    expect(stderr).toMatch(/^tpl {7}a template: write its value in TypeScript {2}\S+hosts:1$/m);
    expect(stderr).toMatch(/^npx lab secrets set nas.becomePassword {2}\S+hosts:1$/m);
    expect(stderr).toContain(`written: ${out}\n`);
    expect(readFileSync(out, 'utf8')).toContain('params: { site: { rack: 7 } }');
    const shown = await lab(join(cwd, 'hosts'), '--format', 'yaml');
    expect(shown.stdout).toContain('becomePassword: !secret nas.becomePassword\n');
    expect(shown.stderr).not.toContain('written');
  });

  test('replaces nothing unasked, and makes no second inventory', async () => {
    const cwd = project({ hosts: 'nas\n', 'inventory/index.ts': 'mine' });
    const hosts = join(cwd, 'hosts');
    const out = join(cwd, 'inventory/index.ts');
    expect(await labErrorOf(() => lab(hosts, '-o', out))).toMatchObject({ code: 'USAGE', details: { found: out } });
    expect((await labErrorOf(() => lab(hosts, '-o', join(cwd, 'inventory/index.yml')))).message).toMatch(
      /two inventories/,
    );
    expect((await labErrorOf(() => lab(hosts, '-o', join(cwd, 'x.ts'), '--format', 'yaml'))).message).toMatch(
      /wrong ending/,
    );
    expect(readdirSync(join(cwd, 'inventory'))).toEqual(['index.ts']);
    expect(readFileSync(out, 'utf8')).toBe('mine');
    await lab(hosts, '-o', out, '--force');
    expect(readFileSync(out, 'utf8')).toContain('defineInventory');
    expect(readdirSync(join(cwd, 'inventory'))).toEqual(['index.ts']);
  });

  test('a name that no role can have is refused', async () => {
    const cwd = project({ hosts: 'nas\n' });
    expect((await labErrorOf(() => lab(join(cwd, 'hosts'), '--role', '__proto__'))).message).toBe(
      '--role is no name of a role',
    );
  });

  test('a mistake in what is read leaves the file as it was', async () => {
    const cwd = project({ hosts: 'nas rack\n', 'inventory/index.ts': 'mine' });
    const out = join(cwd, 'inventory/index.ts');
    const error = await labErrorOf(() => lab(join(cwd, 'hosts'), '-o', out, '--force'));
    expect(error).toMatchObject({ code: 'INVENTORY_INVALID', details: { at: { file: join(cwd, 'hosts'), line: 1 } } });
    expect(readFileSync(out, 'utf8')).toBe('mine');
    expect(await labErrorOf(() => lab(join(cwd, 'nowhere')))).toMatchObject({ code: 'INVENTORY_NOT_FOUND' });
  });
});
