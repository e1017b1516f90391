import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe } from 'vitest';
import type { Host } from '../../../src/model/types.ts';
import { Session } from '../../../src/remote/session.ts';
import { Applier, type RunIdentity } from '../../../src/runner/apply/apply-stage.ts';
import { type Connect, HostLink } from '../../../src/runner/link.ts';
import { LabError } from '../../../src/shared/errors.ts';
import type { Connection, ConnectionSettings, RemoteProcess } from '../../../src/transport/contract.ts';
import fc from '../../support/fast-check.ts';

/** A shell of this machine that stands for a host's, with the tools that such a host has. */
export interface Shell {
  readonly name: string;
  /** First in the PATH of everything that runs under it: there `sh` is this shell. */
  readonly bin: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly available: boolean;
}

const root = mkdtempSync(join(tmpdir(), 'labwright-remote-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

function find(program: string): string | undefined {
  const { status, stdout } = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function makeShell(name: string, program: string): Shell {
  const path = find(program);
  const bin = join(root, name);
  mkdirSync(bin);
  if (path !== undefined) symlinkSync(path, join(bin, 'sh'));
  return { name, bin, environment: { PATH: `${bin}${delimiter}${process.env.PATH}` }, available: path !== undefined };
}

/** Busybox brings its own stat, cp, mv, timeout, tail, …: all of them stand before the machine's. */
function makeBusybox(): Shell {
  const shell = makeShell('busybox', 'busybox');
  const path = find('busybox');
  if (path === undefined) return shell;
  const applets = spawnSync(path, ['--list'], { encoding: 'utf8' }).stdout.split('\n');
  for (const applet of applets.filter((applet) => applet !== '' && applet !== 'sh'))
    symlinkSync(path, join(shell.bin, applet));
  return shell;
}

const shells: readonly Shell[] = [makeShell('dash', 'dash'), makeBusybox(), makeShell('bash', 'bash')];

/** The same tests under each shell. A shell that is missing is skipped by hand, and missed in continuous integration. */
export function describeShells(title: string, tests: (shell: Shell) => void): void {
  for (const shell of shells)
    describe.skipIf(!shell.available && process.env.CI === undefined)(`${title}, under ${shell.name}`, () =>
      tests(shell),
    );
}

/** A folder of this test file's own, removed at its end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(root, 'test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A session that can lose its connection: the shell sees the end of its input, as sshd makes it. */
export interface LocalSession {
  readonly session: Session;
  cutConnection(): void;
}

/** A session with a local process in the place of one over SSH; `state` is what `/var/lib/lab` is on a host. */
export async function openSession(shell: Shell, state: string): Promise<Session> {
  return (await openLocalSession(shell, state)).session;
}

export async function openLocalSession(shell: Shell, state: string): Promise<LocalSession> {
  const { connection, remote } = startLocally(shell, state);
  const session = await Session.open(connection, localSettings);
  return { session, cutConnection: () => void remote.stdin.end() };
}

const localSettings: ConnectionSettings = { transport: 'local', address: 'here', become: 'none' };

/** @param onConnect is given what cuts the connection */
export function connectLocally(shell: Shell, state: string, onConnect: (cut: () => void) => void = () => {}): Connect {
  return async () => {
    const { connection, remote } = startLocally(shell, state);
    onConnect(() => void remote.stdin.end());
    return { connection, settings: localSettings };
  };
}

function startLocally(
  shell: Shell,
  state: string,
): { readonly connection: Connection; readonly remote: RemoteProcess } {
  // A process group of its own, because sshd signals the group.
  const options = { env: { ...shell.environment, LAB_STATE: state }, detached: true };
  const child = spawn(join(shell.bin, 'sh'), [], options);
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const remote: RemoteProcess = { ...streamsOf(child), exit, kill: () => killGroup(child.pid) };
  const connection: Connection = {
    host: 'here',
    closed: new Promise(() => {}),
    start: async () => remote,
    [Symbol.asyncDispose]: async () => {},
  };
  return { connection, remote };
}

/** The changing half of a run over a session that is never replaced. */
export function applierOver(session: Session, identity: Omit<RunIdentity, 'meta'>): Applier {
  const host = { name: 'here', connection: { transport: 'local', address: 'here', become: 'none' } } as Host;
  const connect = async (): Promise<never> => {
    // A code that no waiting mends.
    throw new LabError('HOST_KEY_CHANGED', 'this session is the only one');
  };
  const meta: RunIdentity['meta'] = { version: 1, playbook: 'test', mode: 'run', roles: [] };
  return new Applier(HostLink.over(host, connect, session), { meta, ...identity });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid);
  } catch {
    // It has ended.
  }
}

function streamsOf({ stdin, stdout, stderr }: ReturnType<typeof spawn>) {
  if (stdin === null || stdout === null || stderr === null) throw new Error('a child without streams');
  return { stdin, stdout, stderr };
}

/** Pieces of text that shells, `echo`, `printf`, option parsers and line readers stumble over. */
const fragments = [
  ...["'", '"', '\\', '`', '$', '$(touch /tmp/labwright-hostile)', '$HOME', '!', '#', '&', ';', '|', '<', '>', '*'],
  ...[
    '?',
    '[a]',
    '~',
    '{a,b}',
    '=',
    '%s',
    '%',
    '%%',
    '\\n',
    '\\0',
    '\\c',
    '\n',
    '\r',
    '\r\n',
    '\t',
    ' ',
    '  ',
    '-',
    '--',
  ],
  ...['-n', '-e', '.', '..', 'é', '漢字', '👩‍🚀', '\u202e', '\u0001', '\u001b[31m', '\u007f', 'LAB_END'],
];

/** Text of any kind but NUL, which neither an argument nor a path can hold. */
export const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...fragments), fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 8 })
  .map((parts) => parts.join('').replaceAll('\0', ''));

/** One component of a path, hostile as well. */
export const hostileName = hostileText
  .map((text) => text.replaceAll('/', ''))
  .filter((name) => name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 150);
