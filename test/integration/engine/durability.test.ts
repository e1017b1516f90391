import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Session } from '../../../src/remote/session.ts';
import { defineResource } from '../../../src/resources/define-resource.ts';
import { file } from '../../../src/resources/file.ts';
import { JournalReader } from '../../../src/runner/journal/read.ts';
import { connect } from '../../../src/transport/index.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

/** Is in the middle of a change for a minute. */
const slow = defineResource({
  type: 'slow',
  props: z.strictObject({}),
  id: () => 'once',
  read: (host) => host.file('/srv/half'),
  diff: () => [
    {
      attribute: 'content',
      before: 'before',
      after: 'after',
      apply: [{ do: 'run', argv: ['sh', '-c', 'echo half >/srv/half; sleep 60; echo after >/srv/half'] }],
      revert: [{ do: 'restore', path: '/srv/half' }],
    },
  ],
});

const riskyEnd = () => file({ path: '/etc/sudoers.d/two', content: '# two\n', mode: '0440' });

describe('a disk that is full', () => {
  let host: StartedHost;
  beforeAll(async () => {
    host = await startHost({ tmpfs: { '/var/lib/lab': 'size=2m,mode=700' } });
  });
  afterAll(() => host?.remove());

  const folder = '/srv/kept';
  // The pre-image of the second takes 200 KiB.
  const resources = () => [
    file({ path: `${folder}/one`, content: 'after\n' }),
    file({ path: `${folder}/two`, content: 'after\n' }),
    file({ path: `${folder}/three`, content: 'after\n' }),
  ];
  const before = `mkdir -p ${folder}; cd ${folder}; rm -rf .lab-* *; echo before >one; head -c 204800 /dev/zero >two; echo before >three`;
  const look = () => host.sh(`cd ${folder}; ls -A; stat -c '%a %U' *; sha256sum *`);

  /** With so many KiB free on the journal's disk: the outcome, and which files were changed. */
  async function runWith(free: number) {
    await host.sh(`rm -rf /var/lib/lab/*; ${before}`);
    const untouched = await look();
    await host.sh(`available=$(df -k --output=avail /var/lib/lab | tail -n 1)
      head -c $(((available - ${free}) * 1024)) /dev/zero >/var/lib/lab/filler`);
    const { finished } = await runOn(host, resources);
    const changed = (await host.sh(`cd ${folder}; grep -l after one two three || true`)).trim().split('\n').join(' ');
    return { finished, changed, untouched };
  }

  it.each([0, 8, 40, 80, 110])('keeps from changing anything when %d KiB are left', async (free) => {
    const { finished, changed, untouched } = await runWith(free);
    expect(finished.failure).toMatchObject({ code: 'JOURNAL' });
    expect(changed).toBe('');
    expect(await look()).toBe(untouched);
    expect(await host.sh('ls /etc/systemd/system/lab-* /var/lib/lab/lock 2>/dev/null || true')).toBe('');
    await host.sh('rm /var/lib/lab/filler');
    expect((await runOn(host, resources)).finished).toMatchObject({ status: 'changed', counts: { changed: 3 } });
  });

  it('ends the run before the change whose pre-image does not fit, whatever else does', async () => {
    const { finished, changed } = await runWith(280);
    expect(finished.failure).toMatchObject({ code: 'JOURNAL' });
    expect(finished.counts).toMatchObject({ changed: 1, failed: 1, notReached: 1 });
    expect(changed).toBe('one');
    expect(await host.sh(`stat -c %s ${folder}/two; ls -A ${folder}`)).toBe('204800\none\nthree\ntwo\n');
    await host.sh('rm /var/lib/lab/filler');
    expect((await runOn(host, resources)).finished).toMatchObject({ status: 'changed', counts: { changed: 2 } });
  });

  it('leaves every file whole, however much is left', async () => {
    for (let free = 60; free <= 300; free += 16) {
      const { finished, changed, untouched } = await runWith(free);
      const whole = await look();
      if (finished.failure === undefined) expect(changed, `${free}`).toBe('one two three');
      else expect(finished.failure, `${free}`).toMatchObject({ code: 'JOURNAL' });
      if (changed === '') expect(whole, `${free}`).toBe(untouched);
      const before = untouched.split('\n');
      const differing = whole.split('\n').filter((line) => / (one|two|three)$/.test(line) && !before.includes(line));
      expect(differing.map((line) => line.split(' ').at(-1)).join(' '), `${free}`).toBe(changed);
      expect(await host.sh('ls /etc/systemd/system/lab-* /var/lib/lab/lock 2>/dev/null || true'), `${free}`).toBe('');
    }
  }, 120_000);
});

it('puts what hangs in the way of the next boot on the disk before the first change', async () => {
  await using host = await startHost();
  await host.sh(`cat >/usr/local/bin/sync <<'EOF'
#!/bin/sh
if [ ! -e /srv/changed ]; then for path; do echo "$path"; done >>/run/synced; fi
exec /usr/bin/sync "$@"
EOF
chmod +x /usr/local/bin/sync`);
  const outcome = await runOn(host, () => file({ path: '/srv/changed', content: 'x' }));
  expect(outcome.finished.status).toBe('changed');
  const units = '/etc/systemd/system';
  const hook = [`${units}/lab-recover.service`, units, `${units}/multi-user.target.wants`];
  expect((await host.sh('cat /run/synced')).split('\n')).toEqual(expect.arrayContaining(hook));
});

describe('a journal with one bit that is another', () => {
  let host: StartedHost;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host?.remove());

  const content = (version: string) => () => [
    file({ path: '/srv/one', content: `${version}\n` }),
    file({ path: '/srv/two', content: `${version}\n` }),
  ];
  /** In the middle of a file. */
  const flip = (path: string) =>
    host.sh(`cd "$(ls -d /var/lib/lab/runs/"$(cat /var/lib/lab/last-run)"/stage-1)" && cp -p ${path} /run/whole &&
      at=$(($(stat -c %s ${path}) / 2)) && byte=$(od -A n -t u1 -j $at -N 1 ${path}) &&
      printf "\\\\$(printf '%o' $((byte ^ 1)))" | dd of=${path} bs=1 seek=$at conv=notrunc 2>/dev/null && ! cmp -s ${path} /run/whole`);
  const mend = (path: string) =>
    host.sh(`cp -p /run/whole "/var/lib/lab/runs/$(cat /var/lib/lab/last-run)/stage-1/${path}"`);
  const readAll = async () => {
    const hostKeys = { pinned: () => host.hostKeys, firstContact: async () => false };
    const connection = await connect('target', host.connection, { hostKeys });
    await using session = await Session.open(connection, host.connection);
    const reader = new JournalReader(session);
    const run = (await reader.runs()).at(-1);
    const actions = await reader.actions(run === undefined ? [] : [run]);
    await reader.verify(actions);
    return actions.length;
  };

  it.each(['journal', 'plan', 'program', 'sums', 'saved.1.0'])('is refused when it is read: %s', async (path) => {
    await host.sh('rm -rf /var/lib/lab/*; echo before >/srv/one; rm -f /srv/two');
    expect((await runOn(host, content('first'))).finished.failure).toBeUndefined();
    expect(await readAll()).toBe(2);
    await flip(path);
    await expect(readAll()).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
    await mend(path);
    expect(await readAll()).toBe(2);
  });

  it.each(['journal', 'plan', 'program', 'saved.1.0'])('is refused after a crash: %s', async (path) => {
    await host.sh('rm -rf /var/lib/lab/*; echo before >/srv/half');
    const stop = new AbortController();
    const cut = runOn(host, () => slow({}), { stop: stop.signal });
    await host.sh('until grep -q half /srv/half; do sleep 0.05; done');
    // Both at once, as when the power goes.
    await host.sh(
      `pkill -KILL -f '[s]tage-1/program'; pkill -KILL -f 'srv/[h]alf; sleep'; pkill -KILL -f 'sshd: [r]oot'; true`,
    );
    stop.abort();
    await cut;
    await flip(path);
    const next = await runOn(host, content(path));
    const notices = next.events.flatMap((event) => (event.event === 'host-notice' ? [event.text] : []));
    expect(notices.join('\n')).toContain('is damaged');
    // Rather half done than made of something that nobody wrote.
    expect(await host.sh('cat /srv/half')).toBe('half\n');
    const states = await host.sh('cat /var/lib/lab/runs/*/state');
    expect(states).toMatch(/^damaged /m);
    expect(next.finished.status).toBe('changed');
    expect((await runOn(host, content(path))).finished.status).toBe('ok');
    expect(await host.sh('ls /etc/systemd/system/lab-* /var/lib/lab/lock 2>/dev/null || true')).toBe('');
  });

  it.each(['journal', 'program', 'saved.1.0'])('is refused in a stage before the last, too: %s', async (path) => {
    await host.sh('rm -rf /var/lib/lab/*; echo before >/srv/one; echo before >/srv/half');
    const stop = new AbortController();
    // What can cut the way in begins a stage of its own.
    const sudoers = file({ path: '/etc/sudoers.d/one', content: `# ${path}\n`, mode: '0440' });
    const resources = () => [file({ path: '/srv/one', content: 'after\n' }), sudoers, slow({}), riskyEnd()];
    const cut = runOn(host, resources, { stop: stop.signal, onDisconnect: 'revert', guardSeconds: 600 });
    await host.sh('until grep -q half /srv/half; do sleep 0.05; done');
    await host.sh(
      `systemctl kill --signal=KILL 'lab-guard-*'; systemctl stop 'lab-guard-*'; pkill -KILL -f '[s]tage-2/program'
      pkill -KILL -f 'srv/[h]alf; sleep'; pkill -KILL -f 'sshd: [r]oot'; true`,
    );
    stop.abort();
    await cut;
    await flip(path);
    const next = await runOn(host, () => file({ path: '/srv/two', content: `${path}\n` }));
    const notices = next.events.flatMap((event) => (event.event === 'host-notice' ? [event.text] : []));
    expect(notices.join('\n')).toContain('is damaged');
    expect(await host.sh('cat /srv/one')).toBe('after\n');
    expect(await host.sh('cat /var/lib/lab/runs/*/state')).toMatch(/^damaged /m);
  });
});
