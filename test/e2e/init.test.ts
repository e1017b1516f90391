import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// A user's repository, outside the checkout, that depends on the packed package and on nothing else of ours.

const folder = mkdtempSync(join(tmpdir(), 'lab-init-'));
const home = join(folder, 'my homelab');
const yamlHome = join(folder, 'yaml');
const environment = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache'), NO_COLOR: '1' };

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(cwd: string, command: string, ...argv: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    execFile(command, argv, { cwd, env: environment, timeout: 240_000 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      done({ exitCode, stdout, stderr });
    });
  });
}

/** What npx runs, without the half second that npx itself takes. */
const lab = (cwd: string, ...argv: readonly string[]): Promise<Outcome> => run(cwd, 'node_modules/.bin/lab', ...argv);

/** Puts other text into a file, and fails when what it replaces is not there. */
function edit(file: string, from: string, to: string): void {
  const before = readFileSync(file, 'utf8');
  expect(before).toContain(from);
  writeFileSync(file, before.replaceAll(from, to));
}

beforeAll(async () => {
  const checkout = resolve(import.meta.dirname, '../..');
  if (!existsSync(join(checkout, 'dist/src/index.js'))) throw new Error('npm run build comes first');
  // The build is there, and must not be made again under the other tests.
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: checkout, stdio: 'pipe' });
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'no tarball');
  mkdirSync(home);
  mkdirSync(yamlHome);
  for (const cwd of [home, yamlHome]) {
    expect(await run(cwd, 'npm', 'init', '-y')).toMatchObject({ exitCode: 0 });
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    expect(await run(cwd, 'npm', ...install, tarball)).toMatchObject({ exitCode: 0 });
    expect(await lab(cwd, 'init', ...(cwd === yamlHome ? ['--yaml'] : []))).toMatchObject({ exitCode: 0 });
    expect(await run(cwd, 'npm', ...install)).toMatchObject({ exitCode: 0 });
  }
  // Nothing but this machine is asked to connect, at a port where nobody listens.
  edit(join(home, 'inventory/index.ts'), "ssh: { user: 'root' }", "ssh: { user: 'root', port: 1 }");
  edit(join(home, 'inventory/index.ts'), 'vps: {', "vps: { address: '127.0.0.2',");
  edit(join(home, 'inventory/index.ts'), 'nas: { groups', "nas: { address: '127.0.0.1', groups");
  // What the playbook holds as comments is right as soon as it is none.
  for (const cwd of [home, yamlHome]) {
    edit(join(cwd, 'playbooks/site.ts'), '// import', 'import');
    edit(join(cwd, 'playbooks/site.ts'), '// { name', '{ name');
    edit(
      join(cwd, `inventory/index.${cwd === home ? 'ts' : 'yml'}`),
      cwd === home ? '// devices' : '# devices',
      'devices',
    );
  }
}, 600_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('lab init', () => {
  test('writes a repository into a folder that has a package.json', async () => {
    const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
    expect(manifest).toMatchObject({ type: 'module', dependencies: { labwright: expect.stringContaining('.tgz') } });
    expect(readFileSync(join(home, '.gitignore'), 'utf8')).toBe('node_modules/\n.lab/\n/*.conf\n');
    expect(existsSync(join(home, 'roles/motd/role.ts'))).toBe(true);
  });

  test('overwrites nothing', async () => {
    const before = readFileSync(join(home, 'playbooks/site.ts'), 'utf8');
    const { exitCode, stderr } = await lab(home, 'init');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('playbooks/site.ts');
    expect(readFileSync(join(home, 'playbooks/site.ts'), 'utf8')).toBe(before);
  });

  test('writes into a new folder, with what to do next', async () => {
    const { exitCode, stdout } = await lab(home, 'init', join(folder, 'new'));
    expect(exitCode).toBe(0);
    expect(stdout).toContain('npx lab doctor');
    const manifest = JSON.parse(readFileSync(join(folder, 'new/package.json'), 'utf8'));
    expect(manifest).toMatchObject({ name: 'new', type: 'module', dependencies: { labwright: '^0.1.0' } });
  });
});

describe('the package', () => {
  const installed = join(home, 'node_modules/labwright');
  const filesIn = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => !path.startsWith('node_modules'));

  test('has every file that its pages lead to, and the schema that editors are told of', () => {
    const pages = filesIn(installed).filter((path) => path.endsWith('.md'));
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/cli.md', 'roles/wireguard/README.md']));
    const missing = pages.flatMap((page) =>
      [...readFileSync(join(installed, page), 'utf8').matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)]
        .map(([, link = '']) => join(dirname(page), link))
        .filter((path) => !existsSync(join(installed, path)))
        .map((path) => `${page}: ${path}`),
    );
    expect(missing).toEqual([]);
    expect(existsSync(join(installed, 'schema/inventory.v1.json'))).toBe(true);
  });

  test('has nothing that only a checkout needs', () => {
    const folders = readdirSync(installed).filter((name) => name !== 'node_modules');
    expect(folders.sort()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'docs', 'package.json', 'roles', 'schema'].sort(),
    );
    expect(filesIn(installed).filter((path) => /\.map$|\.test\.|(^|\/)(test|bench)\//.test(path))).toEqual([]);
    expect(filesIn(join(installed, 'roles')).filter((path) => /\.\w+$/.test(path) && !path.endsWith('.md'))).toEqual(
      [],
    );
  });
});

describe('the repository', () => {
  test.each([home, yamlHome])('lists its inventory: %s', async (cwd) => {
    const { exitCode, stdout, stderr } = await run(cwd, 'npx', '--no', 'lab', 'inventory');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stdout).toMatch(/nas/);
    expect(stdout).toMatch(/vps/);
  });

  test('passes the type check, and only the hosts are out of reach', async () => {
    const { exitCode, stdout, stderr } = await lab(home, 'run', 'site.ts', '--check', '--output', 'json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' });
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ event: 'run-started', playbook: 'site', hosts: ['vps', 'nas'] });
    expect(events.at(-1)).toMatchObject({ event: 'run-finished', exitCode: 3 });
  });

  test.each(['site.ts', 'rotate-keys.ts', 'upgrade.ts'])(
    'with an inventory in YAML passes the type check: %s',
    async (playbook) => {
      const { exitCode, stderr } = await lab(yamlHome, 'run', playbook, '--limit', 'nobody');
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('HOST_PATTERN') });
    },
  );

  test.each(['rotate-keys.ts', 'upgrade.ts'])('passes the type check with its procedures: %s', async (playbook) => {
    const { exitCode, stderr } = await lab(home, 'run', playbook, '--check', '--limit', 'nobody');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('HOST_PATTERN') });
  });

  test('has the one labwright that runs', async () => {
    // An error of the program's own class keeps its code; one of another copy would be told as thrown by the playbook.
    const source = "import { LabError } from 'labwright';\nthrow new LabError('SECRET_MISSING', 'mine');\n";
    writeFileSync(join(home, 'playbooks/throws.ts'), source);
    const { exitCode, stderr } = await lab(home, 'run', 'throws', '--no-type-check');
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/^SECRET_MISSING: mine\n/),
    });
    expect(stderr).toContain('playbooks/throws.ts:2');
  });

  test('is told of a throw inside a role at its own line', async () => {
    const role = join(home, 'roles/motd/role.ts');
    const before = readFileSync(role, 'utf8');
    edit(role, '=> [\n', "=> [\n    ((): never => { throw new RangeError('in a role'); })(),\n");
    const playbook = `import { definePlaybook } from 'labwright';
import inventory from '../inventory/index.ts';
import motd from '../roles/motd/role.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [motd] }] });
`;
    writeFileSync(join(home, 'playbooks/welcome.ts'), playbook);
    const { exitCode, stderr } = await lab(home, 'run', 'welcome', '--no-type-check');
    writeFileSync(role, before);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('RangeError: in a role'),
    });
    expect(stderr).toMatch(/roles\/motd\/role\.ts:12:\d+\n/);
    expect(stderr).not.toMatch(/\n\s+at .*labwright/);
  });

  test('is told of a promise that nobody awaits at its own line', async () => {
    const source =
      "export {};\nvoid Promise.reject(new Error('floating'));\nawait new Promise((go) => setTimeout(go, 50));\n";
    writeFileSync(join(home, 'playbooks/floats.ts'), source);
    const { exitCode, stderr } = await lab(home, 'run', 'floats', '--no-type-check');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('floats.ts:2:') });
    expect(stderr).not.toContain('jiti');
  });

  test('uses the roles of the package, with their types', async () => {
    const source = `import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base({ timezone: 'UTC' })] }] });
`;
    writeFileSync(join(home, 'playbooks/base.ts'), source);
    expect(await lab(home, 'run', 'base', '--check')).toMatchObject({ exitCode: 3, stderr: '' });
    edit(join(home, 'playbooks/base.ts'), "timezone: 'UTC'", 'timezone: 1');
    const { exitCode, stderr } = await lab(home, 'run', 'base', '--check');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('playbooks/base.ts:4') });
  });

  test('does not compile with an unknown host, and says which was meant', async () => {
    const source = readFileSync(join(home, 'playbooks/site.ts'), 'utf8');
    writeFileSync(join(home, 'playbooks/wrong.ts'), source.replace("hosts: 'storage'", "hosts: 'storag'"));
    const { exitCode, stdout, stderr } = await lab(home, 'run', 'wrong');
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toMatch(/^PLAYBOOK_TYPES: .*Did you mean '"storage"'\?/);
    expect(stderr).toMatch(/playbooks\/wrong\.ts:\d+:\d+/);
    expect(stderr).toContain('> ');
    expect(stderr).not.toContain('node_modules');
  });

  test('tells the same mistake without the compiler', async () => {
    const { exitCode, stderr } = await lab(home, 'run', 'wrong', '--no-type-check');
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^PLAYBOOK_INVALID: no host or group is called "storag"/);
    expect(stderr).toContain('did you mean "storage"?');
  });

  test('does not end in silence when its playbook waits for ever', async () => {
    writeFileSync(join(home, 'playbooks/waits.ts'), 'await new Promise(() => {});\nexport default 1;\n');
    const { exitCode, stderr } = await lab(home, 'run', 'waits', '--no-type-check');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('waits.ts') });
    rmSync(join(home, 'playbooks/waits.ts'));
  });

  test('completes playbooks, hosts, options and commands', async () => {
    const complete = async (...words: readonly string[]): Promise<string[]> => {
      const { stdout } = await lab(home, 'complete', '--', ...words);
      return stdout.split('\n').map((line) => line.split('\t')[0] ?? '');
    };
    expect(await complete('run', 's')).toEqual(expect.arrayContaining(['site.ts']));
    expect(await complete('run', 'site.ts', '--limit', '')).toEqual(expect.arrayContaining(['nas', 'vps']));
    expect(await complete('facts', '')).toEqual(expect.arrayContaining(['all', 'nas', 'storage']));
    expect(await complete('run', '--out')).toContain('--output');
    expect(await complete('ru')).toContain('run');
  });

  test.each(['bash', 'zsh', 'fish'])('has a completion script for %s', async (shell) => {
    const { exitCode, stdout } = await lab(home, 'completion', shell);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('lab complete --');
    if (shell === 'bash') execFileSync('bash', ['-n'], { input: stdout });
  });

  test('has no completion for another shell', async () => {
    expect(await lab(home, 'completion', 'csh')).toMatchObject({ exitCode: 4 });
  });
});
