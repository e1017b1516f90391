import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';

// exec, facts, doctor and inventory, with an inventory in YAML.

let root: StartedHost;
let sudo: StartedHost;
let project: LabProject;

beforeAll(async () => {
  [root, sudo] = await Promise.all([startHost(), startHost({ user: { name: 'ada', sudo: 'free' } })]);
  const yaml = `ssh: { user: root, identityFile: ${root.identityFile} }
networks:
  lab: { prefixes: 172.16.0.0/12 }
groups:
  storage:
  outside:
    ssh: { port: 9 }
hosts:
  nas: { groups: [storage], addresses: { lab: ${root.address} } }
  node1: { addresses: { lab: ${sudo.address} }, ssh: { user: ada, become: sudo } }
  gone: { groups: [outside], address: 127.0.0.1 }
services:
  photos: { host: nas, port: 2342 }
flows:
  - { from: node1, to: photos, reason: pictures }
`;
  project = labProject({
    'inventory/index.yml': yaml,
    'inventory/lab.lock.yml': lockFile({ nas: root, node1: sudo }),
    'playbooks/note.txt': '',
  });
});
afterAll(async () => {
  project?.remove();
  await Promise.all([root?.remove(), sudo?.remove()]);
});

const lab = (...argv: readonly string[]) => project.lab(argv);

describe('lab exec', () => {
  it('runs one command on each host, as root', async () => {
    expect(await lab('exec', 'nas,node1', '--', 'id', '-un')).toEqual({
      exitCode: 0,
      stdout: 'nas | root\nnode1 | root\n',
      stderr: '',
    });
  });

  it('hands hostile arguments over as they are', async () => {
    const hostile = [
      "it's",
      '"',
      '$(touch /tmp/bad)',
      '`id`',
      'a\nb',
      '\\',
      '-rf',
      '--help',
      '*',
      ' ',
      '',
      'ü🦊',
      '%s',
      '!',
      '~',
      '&',
      ';',
    ];
    const { exitCode, stdout } = await lab(
      'exec',
      '--output',
      'json',
      'nas,node1',
      '--',
      'printf',
      '%s\\0',
      ...hostile,
    );
    expect(exitCode).toBe(0);
    for (const line of stdout.trimEnd().split('\n'))
      expect(JSON.parse(line).output).toBe(hostile.map((word) => `${word}\0`).join(''));
    expect((await root.exec(['test', '-e', '/tmp/bad'])).exitCode).toBe(1);
  });

  it('hands over what looks like an option of its own, after the hosts', async () => {
    expect((await lab('exec', 'nas', 'printf', '%s|', '--output', 'json', '-i', 'x')).stdout).toBe(
      'nas | --output|json|-i|x|\n',
    );
    expect((await lab('exec', 'nas', '--', 'printf', '%s|', '--', '--timeout')).stdout).toBe('nas | --|--timeout|\n');
  });

  it('gives the command no input and both of its outputs', async () => {
    const script = 'cat; echo out; echo err >&2; [ -t 0 ] || echo none';
    expect((await lab('exec', 'nas', '--', 'sh', '-c', script)).stdout).toBe('nas | out\nnas | err\nnas | none\n');
  });

  it('shows no control characters of a host', async () => {
    const { stdout } = await lab('exec', 'nas', '--', 'printf', 'a\\033]0;owned\\007\\033[31mb\\n');
    expect(stdout).toMatch(/^nas \| a.*b\n$/);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain('\u0007');
  });

  it('tells exit codes: 1 when the command failed, 3 when a host is out of reach', async () => {
    const failed = await lab('exec', 'nas', '--', 'sh', '-c', 'echo why; exit 7');
    expect(failed).toEqual({ exitCode: 1, stdout: 'nas | why\n', stderr: 'nas | exit code 7\n' });
    expect(await lab('exec', 'nas', '--', 'no-such-program')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('exit code 127'),
    });
    const gone = await lab('exec', 'all', '--', 'true');
    expect(gone).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/^UNREACHABLE: gone: /) });
    expect((await lab('exec', 'all', '--', 'false')).exitCode).toBe(1);
  });

  it('kills what does not end in time', async () => {
    const { exitCode, stdout, stderr } = await lab(
      'exec',
      '--timeout',
      '1',
      'nas',
      '--',
      'sh',
      '-c',
      'echo begun; sleep 77',
    );
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 1,
      stdout: 'nas | begun\n',
      stderr: 'nas | no end within 1 s\n',
    });
    expect(await root.sh('ps -eo args | grep -c "[s]leep 77" || true')).toBe('0\n');
  });

  it('refuses a timeout that is none', async () => {
    expect(await lab('exec', '--timeout', 'soon', 'nas', '--', 'true')).toMatchObject({ exitCode: 4, stdout: '' });
  });

  it('carries a large output', async () => {
    const { stdout } = await lab('exec', '--output', 'json', 'node1', '--', 'head', '-c', '3000000', '/dev/zero');
    expect(JSON.parse(stdout).output).toHaveLength(3_000_000);
  });
});

describe('lab facts', () => {
  it('shows what roles can know, for a person and for a program', async () => {
    const text = await lab('facts', 'nas');
    expect(text).toMatchObject({ exitCode: 0, stderr: '' });
    expect(text.stdout).toMatch(/^nas\n/);
    expect(text.stdout).toMatch(/^ {2}packageManager +apt$/m);
    const { stdout } = await lab('facts', 'storage,node1', '--output', 'json');
    const facts = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(facts).toMatchObject([
      { host: 'nas', system: { os: 'debian', uid: 0 }, lastRun: null },
      { host: 'node1', system: { os: 'debian', uid: 0 } },
    ]);
  });

  it('goes on with the others when one is out of reach', async () => {
    const { exitCode, stdout, stderr } = await lab('facts', 'all');
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^nas$/m);
    expect(stdout).toMatch(/^node1$/m);
    expect(stderr).toMatch(/^UNREACHABLE: gone/);
  });
});

describe('lab doctor', () => {
  it('finds fit hosts fit', async () => {
    const { exitCode, stdout } = await lab('doctor', 'nas,node1');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^this machine\n/) });
    expect(stdout).toMatch(/^nas\n(?: {2}✔ .*\n)+/m);
    expect(stdout).not.toContain('✖');
  });

  it('says what is wrong and what to do', async () => {
    const { exitCode, stdout } = await lab('doctor');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^gone\n {2}✖ .*127\.0\.0\.1.*\n(?: {6}.*\n)* {6}→ /m);
  });

  it('takes the inventory of a folder above, and does without one', async () => {
    const { exitCode, stdout } = await project.lab(['doctor', 'nas'], { cwd: 'home' });
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('index.yml') });
    const nowhere = labProject({});
    const without = await nowhere.lab(['doctor']);
    nowhere.remove();
    expect(without).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('lab init') });
  });
});

describe('lab inventory', () => {
  it('lists what is declared, connecting to nobody', async () => {
    const { exitCode, stdout, stderr } = await lab('inventory');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const name of ['nas', 'node1', 'gone', 'storage', 'photos', 'pictures']) expect(stdout).toContain(name);
    const json = JSON.parse((await lab('inventory', '--output', 'json')).stdout);
    expect(json).toMatchObject({ version: 1, hosts: [{ name: 'nas' }, { name: 'node1' }, { name: 'gone' }] });
    expect((await lab('inventory', '--graph=mermaid')).stdout).toMatch(/^flowchart /);
    expect((await lab('inventory', '--graph')).stdout).toContain('nas');
  });

  it('says where every value of a host comes from', async () => {
    const { stdout } = await lab('inventory', '--host', 'gone');
    expect(stdout).toMatch(/port +9 +group outside +inventory\/index\.yml:7:\d+/);
    expect((await lab('inventory', '--host', 'gnoe')).stderr).toContain('did you mean "gone"?');
  });
});
