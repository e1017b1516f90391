import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createRenderer } from '../../../src/report/create-renderer.ts';
import type { RendererOptions } from '../../../src/report/renderer.ts';
import { terminalOf } from '../../../src/report/terminal.ts';
import type { RunEvent } from '../../../src/runner/events.ts';
import { CaptureStream } from '../../support/capture-stream.ts';
import { recordings } from '../../support/recorded-runs.ts';

async function play(name: string, options: Partial<RendererOptions> = {}): Promise<string[]> {
  return playEvents(recordings[name]?.() ?? [], options);
}

async function playEvents(events: readonly RunEvent[], options: Partial<RendererOptions>): Promise<string[]> {
  const stream = new CaptureStream();
  const terminal = { columns: 100, rows: 24, isTTY: true, colors: false };
  const renderer = createRenderer({ output: 'pretty', diff: false, verbose: false, stream, ...terminal, ...options });
  for (const event of events) renderer.handle(event);
  await renderer.close();
  return stream.lines;
}

describe('plain', () => {
  const plain = { output: 'plain' } as const;

  it('tells of each change on a line of its host', async () => {
    const lines = await play('first', plain);
    expect(lines).toContain(
      'vps | changed | Message of the day (file:/etc/motd) | content +2 −1 lines; mode 0644 → 0640',
    );
    expect(lines.filter((line) => line.startsWith('node1 | changed'))).toHaveLength(3);
    expect(lines.some((line) => line.includes('directory:/srv'))).toBe(false);
    expect(lines.some((line) => line.includes('| diff |'))).toBe(false);
  });

  it('ends with the recap, the failures, and a sentence with the exit code', async () => {
    const lines = await play('first', plain);
    const first = (word: string) => lines.findIndex((line) => line.includes(`| ${word} |`));
    expect(first('changed')).toBeLessThan(first('recap'));
    expect(first('recap')).toBeLessThan(first('failure'));
    expect(lines).toContain('nas | recap | ok | 6 ok | 1 round trip, 0.5 s');
    expect(lines).toContain('vps | failure | at | roles/base/role.ts:31:5');
    expect(lines.at(-1)).toMatch(
      /^7 changes on 3 hosts, 1 host failed, 1 host unreachable \(exit code 1: a host failed/,
    );
  });

  it('says in a check what would change', async () => {
    const lines = await play('check', { ...plain, diff: true });
    expect(lines.some((line) => line.startsWith('vps | would change | file:/etc/cron.d/old'))).toBe(true);
    expect(lines.some((line) => line.startsWith('vps | changed'))).toBe(false);
    expect(lines).toContain('node1 | known after apply | unit:chrony.service | package:chrony brings it');
    expect(lines).toContain('vps | diff | -Welcome␍');
    expect(lines.at(-1)).toContain('9 changes would be made on 3 hosts, 2 resources known after apply');
  });

  it('says in a check what is known after apply when nothing else would change', async () => {
    const events = (recordings.check?.() ?? []).map((event): RunEvent => {
      if (event.event === 'host-finished') return { ...event, counts: { ...event.counts, changed: 0 } };
      if (event.event !== 'run-finished') return event;
      const hosts = Object.entries(event.hosts).map(([name, host]) => [name, { ...host, changed: 0 }]);
      return { ...event, hosts: Object.fromEntries(hosts) };
    });
    const lines = await playEvents(events, plain);
    expect(lines.at(-1)).toMatch(/^1 host as declared, 0 changed, 2 resources known after apply,/);
  });

  it('is what a pretty run becomes without a terminal or without a width', async () => {
    const lines = await play('first', plain);
    expect(await play('first', { isTTY: false })).toEqual(lines);
    expect(await play('first', { columns: 0 })).toEqual(lines);
  });

  it('shows what is in sync and the output of commands when verbose', async () => {
    const lines = await play('first', { ...plain, verbose: true });
    expect(lines).toContain('vps | ok | directory:/srv/0');
    expect(lines).toContain('node1 | output | Get:1 chrony ␛[31mred␛[0m');
  });
});

describe('pretty', () => {
  it('says one line per converged host and one sentence', async () => {
    const lines = await play('converged');
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(/^✔ vps {4}ok {2}6 ok {2}1 round trip {2}0\.\d s$/);
    expect(lines.at(-1)).toBe('4 hosts as declared, 0 changed');
  });

  it('tells the same changes of several hosts once, stages apart, and what was not reached', async () => {
    const text = (await play('first')).join('\n');
    expect(text).toContain('node1, node2  2 hosts, the same on each\n  + package:chrony');
    expect(text).toContain('  known only after apply\n  ~ unit:chrony.service');
    expect(text.match(/\? unit:chrony/g)).toBeNull();
    expect(text).toMatch(/- file:\/etc\/cron\.d\/old .* not reached/);
    expect(text).toContain('because of file:/etc/ssh/sshd_config.d/10-lab.conf');
    expect(text).toContain('! can cut the connection');
    expect(text).toContain('! node2  waited 12 s for the dpkg lock');
  });

  it('marks in a check what is known only after apply', async () => {
    const text = (await play('check')).join('\n');
    expect(text).toContain('? unit:chrony.service  package:chrony brings it');
    expect(text).not.toContain('not reached');
  });

  it('cuts long diffs unless verbose, and says how much it left out', async () => {
    const short = await play('first', { diff: true });
    expect(short).toContain('      │ … 31 more lines (--verbose shows them)');
    expect(short).toContain('      │ -Welcome␍');
    const whole = await play('first', { diff: true, verbose: true });
    expect(whole).toContain('      │ +Option39 no');
  });

  it('obeys no escape sequence of a host, and writes none of its own without colours', async () => {
    const lines = await play('first', { diff: true, verbose: true });
    expect(lines.join('\n')).not.toContain('\u001b');
    expect(lines.join('\n')).toContain('Option0␛]0;owned␇');
  });

  it('colours diffs and outcomes', async () => {
    const lines = await play('first', { diff: true, colors: true });
    expect(lines.join('\n')).toContain('\u001b[31m-Welcome␍\u001b[39m');
    const uncoloured = lines.map((line) => stripVTControlCharacters(line));
    expect(uncoloured).toEqual(await play('first', { diff: true }));
  });

  it('tells of a run that broke off what is known of it', async () => {
    const lines = await play('broken');
    expect(lines.some((line) => /^■ node2 +broken off/.test(line))).toBe(true);
    expect(lines.at(-1)).toBe('interrupted before the end');
  });

  it('shows live what a host does, and leaves nothing of it behind', { timeout: 40_000 }, async () => {
    const stream = new CaptureStream();
    const renderer = createRenderer({
      output: 'pretty',
      diff: false,
      verbose: false,
      stream,
      columns: 100,
      rows: 24,
      isTTY: true,
      colors: false,
    });
    const events = recordings.first?.() ?? [];
    const until = events.findIndex(({ event }) => event === 'resource-output');
    for (const event of events.slice(0, until)) renderer.handle(event);
    const live = () => stripVTControlCharacters(stream.text);
    await expect.poll(live, { timeout: 8000 }).toMatch(/node1 {3}step 1\/2 {2}package:chrony/);
    await expect.poll(live, { timeout: 8000 }).toMatch(/✔ ok {2}6 ok/);
    renderer.announce('stopping after this step');
    await expect.poll(live, { timeout: 8000 }).toContain('stopping after this step');
    const resume = await renderer.suspend();
    const before = stream.text.length;
    await sleep(300);
    expect(stream.text.length).toBe(before);
    resume();
    await expect.poll(() => stream.text.length, { timeout: 8000 }).toBeGreaterThan(before);
    for (const event of events.slice(until)) renderer.handle(event);
    await renderer.close();
    expect(stream.text).toContain('\u001b[?25h');
    expect(stream.text.trimEnd().split('\n').at(-1)).toMatch(/^exit code 1: a host failed/);
  });
});

describe('changes that a host took back', () => {
  it('stand under their host with a sign of their own, and red when something of them is left', async () => {
    const text = (await play('guarded', { columns: 120 })).join('\n');
    expect(text).toMatch(/↶ file \/etc\/ssh\/sshd_config\.d\/00-lab\.conf {2}content \+1 −1 lines · taken back/);
    expect(text).toMatch(/↶ unit ssh\.service {2}restart running → restarted, because of file \S+ · taken back/);
    const coloured = (await play('guarded', { columns: 120, colors: true })).join('\n');
    expect(coloured).toContain('\u001b[31mcould not be taken back in full\u001b[39m');
  });

  it('are listed at the end with the reason, and the exit code is explained', async () => {
    const lines = await play('guarded');
    const at = lines.findIndex((line) => line.startsWith('↶ vps  no fresh login within 60 s'));
    expect(lines.slice(at + 1, at + 5)).toEqual([
      '    reverted  file /etc/ssh/sshd_config.d/00-lab.conf',
      '              unit ssh.service',
      '    expected  a login to root@10.77.1.10:2222, with root',
      '    found     connection to 10.77.1.10 port 2222 timed out',
    ]);
    expect(lines).toContain('    reverted  file /etc/ssh/sshd_config.d/00-lab.conf: could not be taken back in full');
    expect(lines.some((line) => /^↶ vps +reverted +6 ok, 1 changed, 2 taken back, 1 not reached /.test(line))).toBe(
      true,
    );
    expect(lines.slice(-2)).toEqual([
      '6 changes on 3 hosts, 2 hosts took changes back',
      'exit code 5: nobody could log in after a change, so the host took it back',
    ]);
  });

  it('are lines of their own in plain', async () => {
    const lines = await play('guarded', { output: 'plain' });
    expect(lines).toContain('vps | taken back | unit ssh.service (unit:ssh.service)');
    expect(lines).toContainEqual(
      expect.stringMatching(/^node1 \| not taken back \| file .*00-lab\.conf\) \| could not be taken back in full$/),
    );
    expect(lines.at(-1)).toMatch(/2 hosts took changes back \(exit code 5: nobody could log in/);
  });

  it('are explained also when the host went back without anybody seeing it', async () => {
    const events = (recordings.guarded?.() ?? []).flatMap((event): RunEvent[] => {
      if (event.event === 'resource-undone') return [];
      return event.event === 'host-finished' ? [{ ...event, failure: undefined }] : [event];
    });
    const text = (await playEvents(events, {})).join('\n');
    expect(text).toMatch(/^↶ vps {2}no fresh login confirmed the changes in time.* GUARD_REVERTED$/m);
  });
});

describe('a run of several stages', () => {
  it('tells each change once, where it was done', async () => {
    const lines = await play('guarded');
    const block = lines.slice(lines.indexOf('nas') + 1, lines.indexOf('', lines.indexOf('nas')));
    expect(block.filter((line) => /^ {2}\S/.test(line)).map((line) => line.slice(2).split('  ')[0])).toEqual([
      '~ file /etc/motd',
      '~ file /etc/ssh/sshd_config.d/00-lab.conf',
      '↻ unit ssh.service',
      '+ file /etc/cron.d/backup',
    ]);
    expect(block.join('\n')).not.toContain('not reached');
    expect(lines.filter((line) => line.includes('not reached') && line.includes('backup'))).toHaveLength(2);
  });
});

describe('what is no longer declared', () => {
  it('is told of each host, the first ten, and what can be done', async () => {
    const lines = await play('orphans');
    expect(lines).toContain('  ∅ no longer declared: file /etc/nginx/sites-enabled/old.conf (role web)');
    expect(lines).toContain('  ∅ no longer declared: file /etc/app/9.conf');
    expect(lines).not.toContain('  ∅ no longer declared: file /etc/app/10.conf');
    expect(lines).toContain('  ∅ and 3 more (--verbose shows them)');
    expect(lines.slice(-2)).toEqual([
      '1 change on 1 host',
      '15 resources no longer declared: --prune removes what lab created and restores what it changed',
    ]);
    expect(await play('orphans', { verbose: true })).toContain('  ∅ no longer declared: file /etc/app/12.conf');
  });

  it('is told in plain, before the sentence', async () => {
    const lines = await play('orphans-check', { output: 'plain' });
    expect(lines).toContain('vps | no longer declared | package nginx (package:nginx) | role web');
    expect(lines).toContain('nas | no longer declared | and 3 more (--verbose shows them)');
    expect(lines.at(-2)).toMatch(/^15 resources no longer declared: --prune/);
    expect(lines.at(-1)).toMatch(/^1 change would be made on 1 host/);
  });

  it('counts as changes in a check with --prune', async () => {
    const lines = await play('prune-check');
    expect(lines.slice(-3)).toEqual([
      '16 changes would be made on 2 hosts',
      '15 resources no longer declared: what lab created would be removed, what it changed restored',
      'exit code 2: changes found',
    ]);
  });

  it('is a change like any other when it is pruned, and is not told again', async () => {
    const lines = await play('prune');
    expect(lines).toContain('  no longer declared');
    expect(lines).toContain('  - package nginx  installed 1.22.1-9 → absent');
    expect(lines.join('\n')).not.toContain('∅');
    expect(lines.at(-1)).toBe('3 changes on 1 host');
  });
});

describe('operations without a playbook', () => {
  it('say what was rolled back, and how to take that back', async () => {
    const lines = await play('rollback');
    expect(lines.slice(-2)).toEqual([
      'rolled back 5 changes on vps (run 20261123-1)',
      'to take this back: lab rollback --run 20261123-1',
    ]);
    expect(lines.some((line) => /^✔ vps +rolled back +5 changes /.test(line))).toBe(true);
    expect(lines.some((line) => /^✔ nas +nothing to do /.test(line))).toBe(true);
    // The same unit twice: as it was, and restarted when all else is as before.
    expect(lines).toContain('  ~ unit nginx.service  enabled enabled → disabled');
    expect(lines.join('\n')).toMatch(/↻ unit nginx\.service\s+restart running → restarted/);
  });

  it('say what would be rolled back', async () => {
    const lines = await play('rollback-check', { output: 'plain' });
    expect(lines[0]).toBe('rollback, only a check: role web, last run, on 2 hosts');
    expect(lines).toContain('vps | would roll back | package nginx (package:nginx) | installed 1.22.1-9 → absent');
    expect(lines.at(-1)).toBe('would roll back 5 changes on vps (exit code 2: there is something to roll back)');
  });

  it('say which runs were finished, and which only followed', async () => {
    const lines = await play('resume');
    expect(lines).toContain('  ~ file /etc/motd  content +1 −1 lines · done before');
    expect(lines.some((line) => /^✔ vps +finished +1 done before, 2 changed /.test(line))).toBe(true);
    expect(lines.some((line) => /^✔ nas +followed +1 done before /.test(line))).toBe(true);
    expect(lines.at(-1)).toBe('finished vps: 2 changes, followed nas to the end');
    expect((await play('resume', { output: 'plain' }))[0]).toBe('resume on 3 hosts');
  });
});

describe('the live display', () => {
  /** What is on the screen in the end when the run stands still after an event. */
  async function screenAfter(name: string, isLast: (event: RunEvent) => boolean): Promise<string[]> {
    const stream = new CaptureStream();
    const terminal = { stream, columns: 80, rows: 24, isTTY: true, colors: false };
    const renderer = createRenderer({ output: 'pretty', diff: false, verbose: false, ...terminal });
    const events = recordings[name]?.() ?? [];
    for (const event of events.slice(0, events.findIndex(isLast) + 1)) renderer.handle(event);
    await sleep(700);
    const lines = stripVTControlCharacters(stream.text).replaceAll('\r', '').split('\n');
    await renderer.close();
    return lines.slice(-6);
  }

  it('tells of a connection that was lost while a step waits, on one line of its host', async () => {
    const isLost = (event: RunEvent) => event.event === 'host-notice' && event.text.includes('was lost');
    const lines = await screenAfter('guarded', isLost);
    expect(lines.filter((line) => line.includes('nas'))).toEqual([
      expect.stringMatching(/ nas {4}logging in anew: the connection was lost: the host works on…?/),
    ]);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('tells that a host takes back what it did', async () => {
    const lines = await screenAfter('guarded', ({ event }) => event === 'resource-undone');
    expect(lines.some((line) => / vps {4}taking back/.test(line))).toBe(true);
  });
});

describe('the terminal', () => {
  const tty = { isTTY: true, columns: 80, rows: 24 };

  it.each([
    ['a terminal', tty, {}, true],
    ['no terminal', { isTTY: false }, {}, false],
    ['NO_COLOR', tty, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', tty, { NO_COLOR: '' }, true],
    ['FORCE_COLOR without a terminal', { isTTY: false }, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR=0', tty, { FORCE_COLOR: '0' }, false],
    ['a dumb terminal', tty, { TERM: 'dumb' }, false],
  ])('decides on colours: %s', (_name, stream, environment, colors) => {
    expect(terminalOf(stream, environment).colors).toBe(colors);
  });
});
