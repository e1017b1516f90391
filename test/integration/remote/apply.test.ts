import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { FactLoader } from '../../../src/remote/facts/loader.ts';
import type { Session } from '../../../src/remote/session.ts';
import type { Change, Content, Step } from '../../../src/resources/contract.ts';
import { defineResource } from '../../../src/resources/define-resource.ts';
import { actionPlanOf } from '../../../src/runner/apply/action-plan.ts';
import type { Applier } from '../../../src/runner/apply/apply-stage.ts';
import { type Action, compileStage, type Stage } from '../../../src/runner/apply/compile.ts';
import type { StageEnd } from '../../../src/runner/apply/follow-stage.ts';
import type { Planned } from '../../../src/runner/plan/plan-host.ts';
import type { LabError } from '../../../src/shared/errors.ts';
import { Redactor, Secret } from '../../../src/shared/secret.ts';
import fc from '../../support/fast-check.ts';
import {
  applierOver,
  describeShells,
  hostileName,
  openLocalSession,
  openSession,
  type Shell,
  temporaryFolder,
} from '../../unit/remote/support.ts';

const [owner, group] = execFileSync('stat', ['-c', '%U %G', process.execPath, '/proc/self'], { encoding: 'utf8' })
  .split('\n')[1]
  ?.split(' ') ?? ['root', 'root'];

const imagined = defineResource({
  type: 'imagined',
  props: z.strictObject({ id: z.string() }),
  id: ({ id }) => id,
  read: async () => null,
  diff: () => [],
});

let ids = 0;
type Steps = Pick<Change, 'apply' | 'revert'>;

/** An action as planning would give it. */
function action(steps: Partial<Steps>, more: Partial<Planned> = {}): Planned {
  const resource = imagined({ id: String(ids++) });
  const change: Change = { attribute: 'content', before: null, after: 'x', apply: [], revert: [], ...steps };
  return {
    ...{ key: `imagined:${resource.id}`, title: resource.id, role: null, play: 'test', params: null, tags: [] },
    ...{ resource, outcome: 'change', changes: [change], triggers: [], satisfies: [] },
    ...more,
  } as Planned;
}

const restoring = (...paths: string[]): Step[] => paths.map((path) => ({ do: 'restore', path }));
const write = (path: string, content: Content, mode = '0644', validate?: string[]): Step => ({
  ...{ do: 'write', path, content, mode, owner: owner ?? '', group: group ?? '', validate },
});
const command = (script: string, ...words: string[]): Step => ({
  do: 'run',
  argv: ['sh', '-c', script, 'sh', ...words],
});

interface Applied {
  readonly end: StageEnd;
  readonly finished: readonly { number: number; failure: LabError | undefined }[];
  readonly output: string;
  readonly notices: readonly string[];
  /** Folder of the stage on the host. */
  readonly directory: string;
  readonly stage: Stage;
}

let runs = 0;

function stageOf(run: string, planned: readonly Planned[]): Stage {
  return compileStage(
    run,
    1,
    planned.map((one) => actionPlanOf(one, new Redactor())),
  );
}

async function applyIn(
  session: Session,
  state: string,
  planned: readonly Planned[],
  whenStarted: (action: Action, applier: Applier) => void = () => {},
): Promise<Applied> {
  const run = `test-run-${runs++}`;
  const lastRun = (await new FactLoader(session).state()).lastRun;
  const applier = applierOver(session, { run, lastRun });
  const finished: { number: number; failure: LabError | undefined }[] = [];
  const notices: string[] = [];
  let output = '';
  const stage = stageOf(run, planned);
  const end = await applier.apply(stage, {
    started: (started) => whenStarted(started, applier),
    output: (_, text) => {
      output += text;
    },
    finished: ({ number }, _, failure) => finished.push({ number, failure }),
    undone: () => {},
    notice: (text) => notices.push(text),
  });
  await applier.release(end);
  return { end, finished, output, notices, stage, directory: join(state, 'runs', run, 'stage-1') };
}

async function apply(shell: Shell, state: string, planned: readonly Planned[]): Promise<Applied> {
  await using session = await openSession(shell, state);
  return await applyIn(session, state, planned);
}

/** Runs the program that the stage left behind once more, to take everything back. */
function revert(shell: Shell, { directory }: Applied): string {
  const argv = [join(directory, 'program'), 'revert', directory];
  const said = execFileSync(join(shell.bin, 'sh'), argv, { env: shell.environment, encoding: 'utf8' });
  return said.replaceAll(/^[0-9a-f]{32} /gm, 'mark ');
}

/** Everything about a tree that a restore has to bring back. Busybox's cp keeps whole seconds, and none of a link. */
function snapshot(path: string): Record<string, unknown> {
  const seen: Record<string, unknown> = {};
  const visit = (at: string, name: string) => {
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (stat === undefined) {
      seen[name] = 'absent';
      return;
    }
    const { mode, uid, gid, mtimeMs } = stat;
    seen[name] = {
      ...{ mode: mode.toString(8), uid, gid, modified: stat.isFile() ? Math.floor(mtimeMs / 1000) : null },
      ...(stat.isFile() && { content: readFileSync(at).toString('base64') }),
      ...(stat.isSymbolicLink() && { target: readlinkSync(at) }),
    };
    if (stat.isDirectory()) for (const entry of readdirSync(at).sort()) visit(join(at, entry), `${name}/${entry}`);
  };
  visit(path, '.');
  return seen;
}

const journalOf = ({ directory }: Applied) =>
  readFileSync(join(directory, 'journal'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ #\d+$/, ''))
    .filter((line) => !/^(saved|after) /.test(line));

describeShells('applying a stage', (shell) => {
  const folder = temporaryFolder();
  let count = 0;
  const fresh = () => {
    const within = join(folder, String(count++));
    const files = join(within, 'files');
    mkdirSync(files, { recursive: true });
    return { state: join(within, 'state'), files, at: (name: string) => `${files}/${name}` };
  };

  it('writes any content to any path, and takes it back to the byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(hostileName, fc.uint8Array({ maxLength: 200 }), fc.boolean()), {
          selector: ([name]) => name,
          minLength: 1,
          maxLength: 5,
        }),
        async (wanted) => {
          const { state, files, at } = fresh();
          for (const [name, , existed] of wanted) if (existed) writeFileSync(at(name), 'before', { mode: 0o600 });
          const before = snapshot(files);
          const applied = await apply(
            shell,
            state,
            wanted.map(([name, content]) =>
              action({ apply: [write(at(name), content, '0640')], revert: restoring(at(name)) }),
            ),
          );
          expect(applied.end).toBe('complete');
          expect(readdirSync(files).sort()).toEqual(wanted.map(([name]) => name).sort());
          for (const [name, content] of wanted) {
            expect(readFileSync(at(name))).toEqual(Buffer.from(content));
            expect(statSync(at(name)).mode & 0o7777).toBe(0o640);
          }
          revert(shell, applied);
          expect(snapshot(files)).toEqual(before);
        },
      ),
      { numRuns: 5 },
    );
  }, 30_000);

  it('writes below folders of any name', async () => {
    const { state, at } = fresh();
    const folders = ['line\n', "it's", '$(x) "y"', '-rf', ' ', 'ünï'].map(at);
    for (const each of folders) mkdirSync(each);
    const paths = folders.map((each) => `${each}/file`);
    const applied = await apply(shell, state, [
      ...paths.map((path) => action({ apply: [write(path, 'after')], revert: restoring(path) })),
      ...folders.map((path) =>
        action({ apply: [{ do: 'symlink', path: `${path}/link`, target: '-n' }], revert: restoring(`${path}/link`) }),
      ),
    ]);
    expect(applied.end).toBe('complete');
    for (const each of folders) expect(readdirSync(each)).toEqual(['file', 'link']);
    for (const each of folders) expect(readlinkSync(`${each}/link`)).toBe('-n');
    revert(shell, applied);
    for (const each of folders) expect(readdirSync(each)).toEqual([]);
  });

  it('carries a content larger than one piece of an upload, and one that is secret', async () => {
    const { state, at } = fresh();
    const large = Buffer.alloc(1_000_003, 'no multiple of three\n');
    const applied = await apply(shell, state, [
      action({ apply: [write(at('large'), large), write(at('empty'), ''), write(at('secret'), new Secret('hush\n'))] }),
    ]);
    expect(readFileSync(at('large')).equals(large)).toBe(true);
    expect(readFileSync(at('empty'), 'utf8')).toBe('');
    expect(readFileSync(at('secret'), 'utf8')).toBe('hush\n');
    expect(applied.stage.program).not.toContain('hush');
    const { mode } = statSync(state);
    expect(mode & 0o777).toBe(0o700);
  });

  it('restores file, directory, link and absence with mode, owner and times', async () => {
    const { state, files, at } = fresh();
    writeFileSync(at('file'), 'before');
    chmodSync(at('file'), 0o4751);
    lutimesSync(at('file'), 1_000_000_000, 1_000_000_000);
    mkdirSync(at('empty'));
    chmodSync(at('empty'), 0o2770);
    mkdirSync(at('full'));
    writeFileSync(at('full/entry'), 'entry', { mode: 0o600 });
    symlinkSync('full', at('link-to-directory'));
    symlinkSync('nowhere', at('dangling'));
    writeFileSync(at('becomes-link'), 'a file\n');
    const before = snapshot(files);

    const remove = (path: string): Step => ({ do: 'remove', path, recursive: true });
    const all: [string, Step[]][] = [
      ['file', [write(at('file'), 'after', '0600')]],
      ['empty', [{ do: 'mode', path: at('empty'), mode: '0700' }]],
      ['full', [remove(at('full'))]],
      ['link-to-directory', [{ do: 'symlink', path: at('link-to-directory'), target: 'empty' }]],
      ['dangling', [remove(at('dangling'))]],
      ['becomes-link', [{ do: 'symlink', path: at('becomes-link'), target: 'empty' }]],
      ['new-file', [write(at('new-file'), 'new')]],
      ['new-link', [{ do: 'symlink', path: at('new-link'), target: '/etc' }]],
      ['new-directory', [{ do: 'directory', path: at('new-directory'), mode: '0755', owner: 'root', group: 'root' }]],
    ];
    const applied = await apply(
      shell,
      state,
      all.map(([name, steps]) => action({ apply: steps, revert: restoring(at(name)) })),
    );
    expect(applied).toMatchObject({ end: 'complete', output: '' });
    expect(readlinkSync(at('link-to-directory'))).toBe('empty');
    expect(readlinkSync(at('becomes-link'))).toBe('empty');
    expect(existsSync(at('full'))).toBe(false);
    expect(readdirSync(at('empty'))).toEqual([]);

    expect(revert(shell, applied)).toContain('mark end reverted');
    expect(snapshot(files)).toEqual(before);
    expect(journalOf(applied).filter((line) => line.startsWith('reverted'))).toHaveLength(all.length);
    // What is taken back once is not taken back again, whatever stands there now.
    writeFileSync(at('file'), 'later');
    revert(shell, applied);
    expect(readFileSync(at('file'), 'utf8')).toBe('later');
  });

  it('replaces a link to a directory by a file, and puts nothing into that directory', async () => {
    const { state, files, at } = fresh();
    mkdirSync(at('directory'));
    symlinkSync('directory', at('path'));
    const before = snapshot(files);
    const applied = await apply(shell, state, [
      action({ apply: [write(at('path'), 'after')], revert: restoring(at('path')) }),
    ]);
    expect(lstatSync(at('path')).isFile()).toBe(true);
    expect(readdirSync(at('directory'))).toEqual([]);
    revert(shell, applied);
    expect(snapshot(files)).toEqual(before);
  });

  it('refuses to write over a directory, to link over one, and to remove a full one', async () => {
    for (const step of [
      (path: string): Step => write(path, 'x'),
      (path: string): Step => ({ do: 'symlink', path, target: '/etc' }),
      (path: string): Step => ({ do: 'remove', path }),
    ]) {
      const { state, files, at } = fresh();
      mkdirSync(at('directory'));
      writeFileSync(at('directory/entry'), 'kept');
      const before = snapshot(files);
      const applied = await apply(shell, state, [action({ apply: [step(at('directory'))] })]);
      expect(applied.finished[0]?.failure).toMatchObject({ code: 'STEP_FAILED' });
      expect(snapshot(files)).toEqual(before);
    }
  });

  it('leaves the file alone when the new content does not pass, and shows why', async () => {
    const { state, files, at } = fresh();
    writeFileSync(at('file'), 'before');
    const before = snapshot(files);
    const validate = ['sh', '-c', 'echo "bad: $(cat "$1")"; exit 3', 'sh', '%s'];
    const applied = await apply(shell, state, [
      action({ apply: [write(at('file'), 'after', '0644', validate)], revert: restoring(at('file')) }),
    ]);
    expect(applied).toMatchObject({ end: 'failed', output: expect.stringContaining('bad: after') });
    expect(snapshot(files)).toEqual(before);
  });

  it('takes back the action that failed, and no other', async () => {
    const { state, files, at } = fresh();
    writeFileSync(at('second'), 'before');
    const applied = await apply(shell, state, [
      action({ apply: [write(at('first'), '1')], revert: restoring(at('first')) }),
      action({
        apply: [write(at('second'), '2'), write(at('also'), '2'), command('echo "it broke" >&2; exit 7')],
        revert: restoring(at('second'), at('also')),
      }),
      action({ apply: [write(at('third'), '3')], revert: restoring(at('third')) }),
    ]);
    expect(applied.end).toBe('failed');
    expect(readdirSync(files).sort()).toEqual(['first', 'second']);
    expect(readFileSync(at('second'), 'utf8')).toBe('before');
    expect(applied.finished.map(({ number, failure }) => [number, failure?.code])).toEqual([
      [1, undefined],
      [2, 'STEP_FAILED'],
    ]);
    expect(applied.finished[1]?.failure?.details).toMatchObject({
      found: expect.stringContaining('exit code 7'),
      output: expect.stringContaining('it broke'),
    });
    expect(journalOf(applied)).toEqual(['begin 1', 'done 1', 'begin 2', 'failed 2 7', 'end failed']);
    revert(shell, applied);
    expect(readdirSync(files)).toEqual(['second']);
  });

  it('says when what was done could not be taken back', async () => {
    const { state, at } = fresh();
    const applied = await apply(shell, state, [
      action({
        apply: [
          { do: 'directory', path: at('new'), mode: '0755', owner: '0', group: '0' },
          command('touch "$1"; exit 1', at('new/kept')),
        ],
        revert: restoring(at('new')),
      }),
    ]);
    expect(applied.finished[0]?.failure?.details.hint).toContain('could not be taken back');
    expect(existsSync(at('new/kept'))).toBe(true);
  });

  it('takes back what an interrupted action had done', async () => {
    const { state, files, at } = fresh();
    const applied = await apply(shell, state, [
      action({ apply: [write(at('file'), 'half')], revert: restoring(at('file')) }),
    ]);
    // As a power cut between the write and its record leaves it.
    const journal = readFileSync(join(applied.directory, 'journal'), 'utf8');
    writeFileSync(join(applied.directory, 'journal'), journal.slice(0, journal.indexOf('after ')));
    revert(shell, applied);
    expect(readdirSync(files)).toEqual([]);
  });

  it('stops after the action that is under way', async () => {
    const { state, files, at } = fresh();
    await using session = await openSession(shell, state);
    const stop = (started: Action, applier: Applier) => {
      if (started.number === 2) void applier.stop();
    };
    const wait = 'while [ ! -e "$LAB_ACTION_DIR/../stop" ]; do sleep 0.05; done';
    const applied = await applyIn(
      session,
      state,
      [
        action({ apply: [write(at('first'), '1')] }),
        action({ apply: [command(wait), write(at('second'), '2')] }),
        action({ apply: [write(at('third'), '3')] }),
      ],
      stop,
    );
    expect(applied.end).toBe('stopped');
    expect(readdirSync(files).sort()).toEqual(['first', 'second']);
    expect(journalOf(applied)).toEqual(['begin 1', 'done 1', 'begin 2', 'done 2', 'end stopped']);
  });

  it('remembers a restart from before the change until it is done', async () => {
    const { state, at } = fresh();
    const key = 'restart unit:it\'s "quoted" $(x).service';
    const pending = async () => {
      await using session = await openSession(shell, state);
      return [...(await new FactLoader(session).state()).pending.values()];
    };
    const change = action({ apply: [write(at('configuration'), 'x')] }, { triggers: [key] });
    const fails = action({ apply: [command('exit 1')] }, { satisfies: [key] });
    expect((await apply(shell, state, [change, fails])).end).toBe('failed');
    expect(await pending()).toEqual([key]);
    expect((await apply(shell, state, [action({ apply: [command('exit 0')] }, { satisfies: [key] })])).end).toBe(
      'complete',
    );
    expect(await pending()).toEqual([]);
  });

  it('passes words, environment, folder and stdin to a command as they are', async () => {
    const { state, at } = fresh();
    mkdirSync(at("it's here"));
    const words = ['$(x)', "'", '-n', '', 'a\nb', '*'];
    const script = 'out=$1; shift; { printf "%s|" "$@" "$VALUE" "$PWD"; cat; } >"$out"';
    const step: Step = {
      ...{ do: 'run', argv: ['sh', '-c', script, 'sh', at('out'), ...words] },
      ...{ env: { VALUE: '`y` "z"' }, cwd: at("it's here"), stdin: new Secret('from stdin\n'), okCodes: [0] },
    };
    expect((await apply(shell, state, [action({ apply: [step] })])).end).toBe('complete');
    expect(readFileSync(at('out'), 'utf8')).toBe([...words, '`y` "z"', at("it's here"), 'from stdin\n'].join('|'));
  });

  it('takes the exit codes that count as success, and ends what takes too long', async () => {
    const { state } = fresh();
    const allowed = action({ apply: [{ ...command('exit 3'), okCodes: [0, 3] } as Step] });
    const endless = action({ apply: [{ ...command('trap "" TERM; sleep 600 & wait'), timeoutSeconds: 1 } as Step] });
    const applied = await apply(shell, state, [
      allowed,
      action({ apply: [{ ...command('sleep 600'), timeoutSeconds: 1 } as Step] }),
      endless,
    ]);
    expect(applied.finished.map(({ failure }) => failure?.code)).toEqual([undefined, 'STEP_TIMEOUT']);
  });

  it('shows the output of a command while it runs', async () => {
    const { state, at } = fresh();
    await using session = await openSession(shell, state);
    const seen: string[] = [];
    const applier = applierOver(session, { run: 'live', lastRun: null });
    const script = 'echo one; while [ ! -e "$1" ]; do sleep 0.05; done; echo two';
    await applier.apply(stageOf('live', [action({ apply: [command(script, at('seen'))] })]), {
      started: () => {},
      finished: () => {},
      notice: () => {},
      undone: () => {},
      output: (_, text) => {
        seen.push(text);
        if (seen.join('').includes('one')) writeFileSync(at('seen'), '');
      },
    });
    expect(seen.join('')).toContain('two');
  });

  it('ends a stage that lost its controller, gives the lock back and leaves no process behind', async () => {
    const { state, at } = fresh();
    const { session, cutConnection } = await openLocalSession(shell, state);
    const applier = applierOver(session, { run: 'lost', lastRun: null });
    const script = 'while [ ! -e "$1" ]; do sleep 0.05; done';
    const stage = stageOf('lost', [
      action({ apply: [command(script, at('go'))] }),
      action({ apply: [write(at('last'), 'x')] }),
    ]);
    // Not in the middle of the upload's last line, where the follower of the log is only being started.
    const listener = {
      ...{ output: () => {}, finished: () => {}, undone: () => {}, notice: () => {} },
      started: () => void setTimeout(50).then(cutConnection),
    };
    await expect(applier.apply(stage, listener)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    writeFileSync(at('go'), '');
    await expect.poll(() => existsSync(join(state, 'lock'))).toBe(false);
    expect(readFileSync(at('last'), 'utf8')).toBe('x');
    expect(readFileSync(join(state, 'runs/lost/state'), 'utf8')).toMatch(/^unattended /);
    await expect.poll(() => followersOf(state)).toEqual([]);
  });

  it('says so when the stage dies without a word', async () => {
    const { state } = fresh();
    await using session = await openSession(shell, state);
    const pidFile = (run: string) => join(state, 'runs', run, 'pid');
    const killed = applyIn(session, state, [action({ apply: [command('sleep 30')] })], () => {
      process.kill(Number.parseInt(readFileSync(pidFile(`test-run-${runs - 1}`), 'utf8'), 10), 'SIGKILL');
    });
    await expect(killed).rejects.toMatchObject({ code: 'JOURNAL' });
  });
});

/** Command lines of processes that follow a log of this state folder. */
function followersOf(state: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes('tail') && line.includes(state));
}
