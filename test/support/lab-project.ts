import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { quoteAll } from '../../src/shared/quote.ts';
import type { StartedHost } from './host.ts';

const program = fileURLToPath(new URL('../../bin/lab.js', import.meta.url));
const built = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export interface LabOutcome {
  /** 255 when the process was killed. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LabOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Folder below the project's root to run in. */
  readonly cwd?: string;
}

/** `lab` while it runs. */
export interface RunningLab {
  readonly process: ChildProcess;
  /** Standard output and error so far. */
  output(): string;
  /** Waits until the output holds this; throws when the program ends before. */
  says(text: string | RegExp): Promise<void>;
  readonly ended: Promise<LabOutcome>;
}

/** A user's repository in a temporary folder outside of the checkout, with a home of its own and no node_modules. */
export interface LabProject {
  readonly root: string;
  write(path: string, text: string): void;
  read(path: string): string;
  exists(path: string): boolean;
  lab(argv: readonly string[], options?: LabOptions): Promise<LabOutcome>;
  /** Runs it at a terminal of its own; what is written there comes as standard output. */
  labAtTerminal(argv: readonly string[], options?: LabOptions): RunningLab;
  start(argv: readonly string[], options?: LabOptions): RunningLab;
  remove(): void;
}

/**
 * @param files path → text
 * @example
 * const project = labProject({ 'playbooks/site.ts': '…', ...inventoryFiles({ nas: host }) });
 * expect(await project.lab(['run', 'site'])).toMatchObject({ exitCode: 0 });
 */
export function labProject(files: Readonly<Record<string, string>>): LabProject {
  if (!existsSync(built)) throw new Error('node scripts/build.mjs comes first');
  const root = mkdtempSync(join(tmpdir(), 'lab-cli-'));
  const home = join(root, 'home');
  const environment = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_STATE_HOME: join(home, 'state'),
    XDG_CONFIG_HOME: join(home, 'config'),
  };
  const running = new Set<ChildProcess>();
  const start = (command: string, argv: readonly string[], { env, input, cwd }: LabOptions): RunningLab => {
    const child = spawn(command, argv, {
      cwd: join(root, cwd ?? '.'),
      env: { ...environment, ...env },
      // A terminal stays open while a person reads; anything else has nobody who could answer.
      stdio: [command === 'script' || input !== undefined ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    if (input !== undefined) child.stdin?.end(input);
    return follow(child, () => running.delete(child));
  };
  const project: LabProject = {
    root,
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    read: (path) => readFileSync(join(root, path), 'utf8'),
    exists: (path) => existsSync(join(root, path)),
    start: (argv, options = {}) => start(process.execPath, [program, ...argv], options),
    lab: (argv, options) => project.start(argv, options).ended,
    labAtTerminal(argv, options = {}) {
      const line = `stty cols 100 rows 40; exec ${quoteAll([process.execPath, program, ...argv])}`;
      const script = ['--quiet', '--return', '--flush', '--command', line, '/dev/null'];
      return start('script', script, { ...options, env: { TERM: 'xterm-256color', ...options.env } });
    },
    remove() {
      for (const child of running) child.kill('SIGKILL');
      rmSync(root, { recursive: true, force: true });
    },
  };
  mkdirSync(home);
  for (const [path, text] of Object.entries(files)) project.write(path, text);
  return project;
}

/**
 * The same for tests that change the inventory again and again: the compiler, which takes seconds whenever a file has changed, checks the
 * first run alone.
 */
export function roleProject(files: Readonly<Record<string, string>>): LabProject {
  const project = labProject(files);
  let isChecked = false;
  const quick = (argv: readonly string[]) => {
    if (argv[0] !== 'run') return argv;
    const more = isChecked ? ['--no-type-check'] : [];
    isChecked = true;
    return [...argv, ...more];
  };
  return {
    ...project,
    start: (argv, options) => project.start(quick(argv), options),
    lab: (argv, options) => project.lab(quick(argv), options),
  };
}

function follow(child: ChildProcess, onEnd: () => void): RunningLab {
  const heard = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      heard[name] += text;
    });
  }
  let over = false;
  const ended = new Promise<LabOutcome>((resolve, reject) => {
    child.on('error', reject).on('close', (code) => {
      over = true;
      onEnd();
      resolve({ exitCode: code ?? 255, ...heard });
    });
  });
  const output = () => heard.stdout + heard.stderr;
  return {
    process: child,
    output,
    async says(text) {
      for (;;) {
        const said = output();
        if (typeof text === 'string' ? said.includes(text) : text.test(said)) return;
        if (over) throw new Error(`ended without saying ${text}:\n${said}`);
        await setTimeout(20);
      }
    },
    ended,
  };
}

/** An inventory in TypeScript with these hosts in a group `lab`, and their keys pinned. */
export function inventoryFiles(hosts: Readonly<Record<string, StartedHost>>): Record<string, string> {
  const [first] = Object.values(hosts);
  const lines = Object.entries(hosts).map(
    ([name, { address }]) => `    ${name}: { address: '${address}', groups: ['lab'] },`,
  );
  return {
    'inventory/index.ts': `import { defineInventory } from 'labwright';

export default defineInventory({
  ssh: { user: 'root', identityFile: '${first?.identityFile}' },
  groups: { lab: {} },
  hosts: {
${lines.join('\n')}
  },
});
`,
    'inventory/lab.lock.yml': lockFile(hosts),
  };
}

/** What `lab` pins when it first meets these hosts. */
export function lockFile(hosts: Readonly<Record<string, StartedHost>>): string {
  const entries = Object.entries(hosts).map(
    ([name, { hostKeys }]) =>
      `  ${name}:\n    ssh:\n${hostKeys.map(({ type, base64 }) => `      - ${type} ${base64}\n`).join('')}`,
  );
  return `version: 1\nhosts:\n${entries.join('')}`;
}

/** A playbook for `hosts` that declares what the expression of TypeScript gives. */
export function playbook(resources: string, { hosts = 'all', play = '' } = {}): string {
  return `import * as lab from 'labwright';
import inventory from '../inventory/index.ts';

export default lab.definePlaybook({
  inventory,
  plays: [
    {
      name: 'test',
      hosts: '${hosts}',
      ${play}
      resources: ({ host }) => [
        ${resources}
      ],
    },
  ],
});
`;
}

/** Events of `--output json`; throws when a line is no JSON. */
export function eventsOf(stdout: string): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
