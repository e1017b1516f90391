import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { FactLoader } from '../../../src/remote/facts/loader.ts';
import { compileStage } from '../../../src/runner/apply/compile.ts';
import type { StageListener } from '../../../src/runner/apply/follow-stage.ts';
import { applierOver, describeShells, openSession, type Shell, temporaryFolder } from './support.ts';

const quiet: StageListener = {
  started: () => {},
  output: () => {},
  finished: () => {},
  undone: () => {},
  notice: () => {},
};

/** A lock as a run left it that ended without giving it back. */
function leaveLock(state: string, fields: { pid: number; boot: string; stagePid?: number }): void {
  const { pid, boot, stagePid } = fields;
  mkdirSync(join(state, 'runs/earlier'), { recursive: true });
  mkdirSync(join(state, 'pending'), { recursive: true });
  const lines = ['run=earlier', 'who=ann@laptop', `pid=${pid}`, `boot=${boot}`, 'since=2026-01-01T00:00:00Z'];
  writeFileSync(join(state, 'lock'), `${lines.join('\n')}\n`);
  const sign = (file: string, of: number) => writeFileSync(join(state, 'runs/earlier', file), `${of} ${birthOf(of)}\n`);
  sign('controller', pid);
  writeFileSync(join(state, 'runs/earlier/heartbeat'), '0\n');
  if (stagePid !== undefined) sign('pid', stagePid);
}

/** When a process began, in clock ticks since the boot (proc(5)). */
function birthOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? '';
  } catch {
    return '1';
  }
}

/** A process id that was in use, and is no longer. */
async function deadPid(): Promise<number> {
  const child = spawn('true');
  await new Promise((resolve) => child.on('exit', resolve));
  return child.pid ?? 0;
}

/** An empty stage: takes the lock, changes nothing, gives it back. */
async function lockOnce(shell: Shell, state: string, run: string, lastRun: string | null = null): Promise<string[]> {
  await using session = await openSession(shell, state);
  const notices: string[] = [];
  const applier = applierOver(session, { run, lastRun });
  const end = await applier.apply(compileStage(run, 1, []), { ...quiet, notice: (text) => notices.push(text) });
  await applier.release(end);
  return notices;
}

describeShells('the lock of a host', (shell) => {
  const folder = temporaryFolder();
  let count = 0;
  const freshState = () => join(folder, String(count++));
  let boot: string;
  beforeAll(async () => {
    await using session = await openSession(shell, freshState());
    boot = (await new FactLoader(session).system()).bootId;
  });

  it('is held for a run and given back', async () => {
    const state = freshState();
    await using session = await openSession(shell, state);
    const applier = applierOver(session, { run: 'one', lastRun: null });
    await applier.apply(compileStage('one', 1, []), quiet);
    const lock = (await new FactLoader(session).state()).lock;
    expect(lock?.get('run')).toBe('one');
    expect(lock?.get('boot')).toBe(boot);
    expect(lock?.get('since')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    await applier.release('complete');
    expect(existsSync(join(state, 'lock'))).toBe(false);
    expect((await new FactLoader(session).state()).lock).toBeNull();
  });

  it('says who has it, and leaves nothing of the run that was refused', async () => {
    const state = freshState();
    leaveLock(state, { boot, pid: process.pid });
    await expect(lockOnce(shell, state, 'two')).rejects.toMatchObject({
      code: 'HOST_LOCKED',
      details: { found: 'run earlier of ann@laptop, since 2026-01-01T00:00:00Z' },
    });
    expect(readdirSync(join(state, 'runs'))).toEqual(['earlier']);
    expect(readFileSync(join(state, 'lock'), 'utf8')).toContain('run=earlier');
  });

  it('goes to one of many that ask at once', async () => {
    const state = freshState();
    const sessions = await Promise.all(Array.from({ length: 6 }, () => openSession(shell, state)));
    const outcomes = await Promise.allSettled(
      sessions.map((session, index) =>
        applierOver(session, { run: `run-${index}`, lastRun: null }).apply(compileStage(`run-${index}`, 1, []), quiet),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'HOST_LOCKED' });
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  it('goes to one of many that find it stale at once', async () => {
    const state = freshState();
    leaveLock(state, { boot, pid: await deadPid() });
    const sessions = await Promise.all(Array.from({ length: 6 }, () => openSession(shell, state)));
    const outcomes = await Promise.allSettled(
      sessions.map((session, index) =>
        applierOver(session, { run: `run-${index}`, lastRun: null }).apply(compileStage(`run-${index}`, 1, []), quiet),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  it('goes to one of many that go on with the same run at once, and tells the others of that one', async () => {
    const state = freshState();
    const stage = compileStage('one', 1, []);
    {
      await using session = await openSession(shell, state);
      await applierOver(session, { run: 'one', lastRun: null }).apply(stage, quiet);
    }
    writeFileSync(join(state, 'runs/one/state'), 'interrupted 2026-01-01T00:00:00Z\n');
    rmSync(join(state, 'lock'));
    const sessions = await Promise.all(Array.from({ length: 6 }, () => openSession(shell, state)));
    const outcomes = await Promise.allSettled(
      sessions.map((session) => applierOver(session, { run: 'one', lastRun: 'one' }).takeOver(stage, 1, true, quiet)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({
          code: 'HOST_LOCKED',
          details: { found: expect.stringMatching(/^run one of \S+@\S+, since 2\S+Z$/) },
        });
    expect(readdirSync(join(state, 'runs/one'))).not.toContainEqual(expect.stringMatching(/^owner\./));
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  it.each([true, false])(
    'leaves nothing of an upload that broke off when it is taken over (a stage ran: %s)',
    async (ran) => {
      const state = freshState();
      leaveLock(state, { boot, pid: await deadPid() });
      const stage = join(state, 'runs/earlier/stage-1');
      mkdirSync(join(stage, 'blobs'), { recursive: true });
      writeFileSync(join(stage, ran ? 'settings' : 'program'), 'x');
      await lockOnce(shell, state, 'three');
      expect(existsSync(join(state, 'runs/earlier'))).toBe(ran);
    },
  );

  it('is stale when neither shell nor stage of its owner lives, and a run that takes it over says so', async () => {
    const state = freshState();
    leaveLock(state, { boot, pid: await deadPid(), stagePid: await deadPid() });
    const notices = await lockOnce(shell, state, 'three');
    expect(notices).toEqual([expect.stringContaining('run earlier')]);
    expect(existsSync(join(state, 'lock'))).toBe(false);
  });

  it('is not stale while the stage of a lost controller still works', async () => {
    const state = freshState();
    leaveLock(state, { boot, pid: await deadPid(), stagePid: process.pid });
    await expect(lockOnce(shell, state, 'four')).rejects.toMatchObject({ code: 'HOST_LOCKED' });
  });

  it('is stale after a reboot, whoever has its process ids now', async () => {
    const state = freshState();
    leaveLock(state, { pid: process.pid, stagePid: process.pid, boot: '00000000-0000-0000-0000-000000000000' });
    expect(await lockOnce(shell, state, 'five')).toHaveLength(1);
  });

  it('is refused when another run changed the host since it was read', async () => {
    const state = freshState();
    await lockOnce(shell, state, 'six');
    await expect(lockOnce(shell, state, 'seven', 'five')).rejects.toMatchObject({ code: 'HOST_CHANGED' });
    expect(existsSync(join(state, 'lock'))).toBe(false);
    await expect(lockOnce(shell, state, 'eight', 'six')).resolves.toEqual([]);
  });

  it('is refused with a reason when the journal cannot be written', async () => {
    const state = join(freshState(), 'state');
    mkdirSync(join(state, '..'));
    writeFileSync(state, 'a file where the folder should be');
    await expect(lockOnce(shell, state, 'nine')).rejects.toMatchObject({ code: 'JOURNAL' });
  });
});
