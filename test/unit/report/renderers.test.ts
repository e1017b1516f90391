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

  it('shows live what a host does, and leaves nothing of it behind', async () => {
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
    await sleep(600);
    const live = stripVTControlCharacters(stream.text);
    expect(live).toMatch(/node1 {3}step 1\/2 {2}package:chrony/);
    expect(live).toMatch(/✔ ok {2}6 ok/);
    renderer.announce('stopping after this step');
    await sleep(250);
    expect(stripVTControlCharacters(stream.text)).toContain('stopping after this step');
    const resume = await renderer.suspend();
    const before = stream.text.length;
    await sleep(300);
    expect(stream.text.length).toBe(before);
    resume();
    await sleep(600);
    expect(stream.text.length).toBeGreaterThan(before);
    for (const event of events.slice(until)) renderer.handle(event);
    await renderer.close();
    expect(stream.text).toContain('\u001b[?25h');
    expect(stream.text.trimEnd().split('\n').at(-1)).toMatch(/^exit code 1: a host failed/);
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
