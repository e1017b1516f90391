import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { absent } from '../../../src/resources/absent.ts';
import { block } from '../../../src/resources/block.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { cron } from '../../../src/resources/cron.ts';
import { directory } from '../../../src/resources/directory.ts';
import { file } from '../../../src/resources/file.ts';
import { line } from '../../../src/resources/line.ts';
import { symlink } from '../../../src/resources/symlink.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import type { HostVariant } from '../../support/images.ts';
import { revertLastRun } from '../../support/revert.ts';
import { runOn } from '../../support/run-on.ts';
import { fileSystemOf } from '../../support/snapshot.ts';

const local = mkdtempSync(join(tmpdir(), 'labwright-files-'));
const big = join(local, 'big.bin');
const bytes = randomBytes(3 * 1024 * 1024 + 17);
writeFileSync(big, bytes);
afterAll(() => rmSync(local, { recursive: true }));

const hostile = ["it's", '$(touch pwned)', '`id`', 'a\nb', 'ünï 🐑', '-rf', '%s', '\\n', '*', '"'];

const everything = (): ResourceTree => [
  directory({ path: '/etc/cron.d' }),
  directory({ path: '/opt/one/two/three', parents: true, mode: '2770', group: '4242' }),
  hostile.map((name) => file({ path: `/opt/one/two/three/${name}`, content: `${name}\0${name}\n` })),
  file({ path: '/opt/one/big', source: big, mode: '0755' }),
  file({ path: '/opt/one/empty', content: '' }),
  file({ path: '/opt/one/secret', content: new Secret('canary-value') }),
  file({ path: '/srv/replaced', content: 'new\r\n', mode: '4755', owner: '4242' }),
  file({ path: '/srv/mode', content: 'same\n', mode: '0600' }),
  file({ path: '/srv/link', content: 'no link any more\n', onSymlink: 'replace' }),
  symlink({ path: '/opt/one/link', target: "two/three/it's" }),
  symlink({ path: '/srv/other-link', target: '-n' }),
  line({ path: '/srv/dos.ini', match: /^port=/, line: 'port=22' }),
  line({ path: '/srv/dos.ini', line: 'last=ü' }),
  line({ path: '/srv/dos.ini', match: /^# (one|two)$/, state: 'absent' }),
  block({ path: '/srv/dos.ini', name: 'lab $(id)', content: 'a=1\nb=2', position: 'start' }),
  line({ path: '/srv/created', line: 'x', create: true, mode: '0640' }),
  cron({ name: 'tidy', schedule: '@daily', command: 'date +%F' }),
  absent({ path: '/srv/tree', recursive: true }),
  absent({ path: '/srv/dangling' }),
  directory({ path: '/srv/setgid', mode: '0755' }),
];

const prepare = `mkdir -p /srv /opt; cd /srv
  printf 'old\\n' >replaced; printf 'same\\n' >mode; ln -s replaced link; ln -s wrong other-link; ln -s nowhere dangling
  printf '# one\\r\\nport=1\\r\\n# two\\r\\nend' >dos.ini; chmod 0604 dos.ini; chown 77:0 dos.ini
  mkdir -p tree/deep setgid; echo x >tree/deep/file; ln -s deep tree/link; chmod 2755 setgid
  touch -d '2020-01-01 00:00:00' mode`;

describe.each<HostVariant>(['debian', 'busybox'])('on %s', (variant) => {
  let host: StartedHost;
  beforeAll(async () => {
    host = await startHost({ variant });
    await host.sh(prepare);
  });
  afterAll(() => host?.remove());

  test('every kind of path converges in one run, and goes back to exactly what was', async () => {
    const before = await contentOf(host, variant);
    const check = await runOn(host, everything, { mode: 'check' });
    expect(check.finished.failure).toBeUndefined();
    expect(await contentOf(host, variant)).toBe(before);

    const first = await runOn(host, everything);
    expect(first.finished.failure).toBeUndefined();
    expect(first.finished).toMatchObject({ status: 'changed', counts: { differences: 0 } });
    expect(first.planned).toEqual(check.planned);
    expect(JSON.stringify(first.events)).not.toContain('canary');
    await independentlyRead(host);

    const again = await runOn(host, everything);
    expect(again.finished).toMatchObject({ status: 'ok', roundTrips: 1, counts: { changed: 0 } });

    const done = await contentOf(host, variant);
    await runOn(host, () => file({ path: '/srv/replaced', content: 'third\n', mode: '4755', owner: '4242' }));
    await revertLastRun(host);
    expect(await contentOf(host, variant)).toBe(done);
  });

  test('the way back leads to exactly what was', async () => {
    await host.sh(`rm -rf /srv/* /opt/one /etc/cron.d/tidy; ${prepare}`);
    const before = await contentOf(host, variant);
    expect((await runOn(host, everything)).finished.failure).toBeUndefined();
    expect(await contentOf(host, variant)).not.toBe(before);
    await revertLastRun(host);
    expect(await contentOf(host, variant)).toBe(before);
    expect(await host.sh('stat -c %Y /srv/mode')).toBe(await host.sh(`date -d '2020-01-01 00:00:00' +%s`));
  });
});

/** The host's files as `find` or, where that is small, `ls` and `sha256sum` see them. */
async function contentOf(host: StartedHost, variant: HostVariant): Promise<string> {
  if (variant === 'debian') return fileSystemOf(host, ['/var/lib/lab']);
  const own = 'find /etc /srv /opt';
  return host.sh(`{ ${own} -exec stat -c '%F %a %u:%g %N' {} ';'; ${own} -type f -exec sha256sum {} ';'; } | sort`);
}

async function independentlyRead(host: StartedHost): Promise<void> {
  const cat = async (path: string) => (await host.exec(['cat', path])).stdout;
  for (const name of hostile) expect(await cat(`/opt/one/two/three/${name}`)).toBe(`${name}\0${name}\n`);
  expect((await host.sh('sha256sum </opt/one/big')).slice(0, 64)).toBe(
    createHash('sha256').update(bytes).digest('hex'),
  );
  expect(await cat('/srv/dos.ini')).toBe(
    '# BEGIN lab: lab $(id)\r\na=1\r\nb=2\r\n# END lab: lab $(id)\r\nport=22\r\nend\r\nlast=ü\r\n',
  );
  expect(await cat('/srv/replaced')).toBe('new\r\n');
  expect(await cat('/srv/link')).toBe('no link any more\n');
  const modes = await host.sh(
    `stat -c '%a %u %n' /opt/one/two/three /opt/one/big /opt/one/secret /srv/replaced /srv/mode /srv/dos.ini /srv/created /srv/setgid`,
  );
  expect(modes.trim().split('\n')).toEqual([
    '2770 0 /opt/one/two/three',
    '755 0 /opt/one/big',
    '600 0 /opt/one/secret',
    '4755 4242 /srv/replaced',
    '600 0 /srv/mode',
    '604 77 /srv/dos.ini',
    '640 0 /srv/created',
    '755 0 /srv/setgid',
  ]);
  expect(
    await host.sh('readlink /opt/one/link /srv/other-link || { readlink /opt/one/link; readlink /srv/other-link; }'),
  ).toBe("two/three/it's\n-n\n");
  expect(await host.sh('ls -A / /tmp /root /srv /opt/one')).not.toMatch(/pwned|tree|dangling|\.lab-/);
}

describe('what stands in the way', () => {
  let host: StartedHost;
  beforeAll(async () => {
    host = await startHost({
      capabilities: ['LINUX_IMMUTABLE'],
      tmpfs: { '/srv/small': 'size=64k' },
      readOnlyMounts: { '/srv/fixed': local },
    });
  });
  afterAll(() => host?.remove());

  test('an immutable file stays as it is, with a hint', async () => {
    await host.sh('echo old >/root/immutable; chattr +i /root/immutable');
    const { finished } = await runOn(host, () => file({ path: '/root/immutable', content: 'new\n' }));
    await host.sh('chattr -i /root/immutable');
    expect(finished.failure).toMatchObject({ code: 'STEP_FAILED', hint: expect.stringContaining('chattr') });
    expect(await host.sh('cat /root/immutable; ls -A /root')).not.toContain('new');
    expect(await host.sh('ls -A /root')).not.toContain('.lab-');
  });

  test('a read-only file system is named', async () => {
    const { finished } = await runOn(host, () => file({ path: '/srv/fixed/big.bin', content: 'new\n' }));
    expect(finished.failure).toMatchObject({ code: 'STEP_FAILED', hint: expect.stringContaining('read-only') });
  });

  test('a full disk leaves the old content and nothing else', async () => {
    await host.sh('echo old >/srv/small/f');
    const { finished } = await runOn(host, () => file({ path: '/srv/small/f', content: 'x'.repeat(200_000) }));
    expect(finished.failure).toMatchObject({ code: 'STEP_FAILED', hint: expect.stringContaining('disk is full') });
    expect(await host.sh('cat /srv/small/f; ls -A /srv/small')).toBe('old\nf\n');
  });

  test('a file that is a mount of its own is written in place, and back', async () => {
    await host.sh('cd /root && echo one >outside && echo >inside && mount --bind outside inside');
    const before = await host.sh('stat -c "%i %a" /root/inside; cat /root/inside');
    const outcome = await runOn(host, () => file({ path: '/root/inside', content: 'two\n', mode: '0600' }));
    expect(outcome.finished.failure).toBeUndefined();
    expect(await host.sh('cat /root/outside; stat -c %a /root/outside; ls -A /root')).toMatch(
      /^two\n600\n(?!.*\.lab-)/s,
    );
    await revertLastRun(host);
    expect(await host.sh('stat -c "%i %a" /root/inside; cat /root/inside')).toBe(before);
  });

  test('another hard link keeps the old content', async () => {
    await host.sh('echo old >/root/one; ln /root/one /root/two');
    const outcome = await runOn(host, () => file({ path: '/root/one', content: 'new\n' }));
    expect(outcome.finished.status).toBe('changed');
    expect(await host.sh('cat /root/one /root/two')).toBe('new\nold\n');
  });

  test('mode and owner alone leave inode and times', async () => {
    await host.sh(`echo same >/root/same; touch -d @1000 /root/same`);
    const before = await host.sh('stat -c "%i %Y" /root/same');
    const outcome = await runOn(host, () =>
      file({ path: '/root/same', content: 'same\n', mode: '0400', owner: 'www-data' }),
    );
    expect(outcome.finished.status).toBe('changed');
    expect(await host.sh('stat -c "%i %Y" /root/same')).toBe(before);
    expect(await host.sh('stat -c "%a %U" /root/same')).toBe('400 www-data\n');
    await revertLastRun(host);
    expect(await host.sh('stat -c "%a %U %i %Y" /root/same')).toBe(`644 root ${before}`);
  });

  test('a directory that is not empty is not removed unless that is said', async () => {
    await host.sh('mkdir -p /root/full; touch /root/full/x');
    const { finished } = await runOn(host, () => absent({ path: '/root/full' }));
    expect(finished.failure).toMatchObject({ code: 'STEP_FAILED', output: expect.stringMatching(/not empty/i) });
  });

  test('what is missing is told before anything is changed', async () => {
    const { finished, changed } = await runOn(host, () => [
      file({ path: '/root/first', content: 'x' }),
      file({ path: '/root/nowhere/f', content: 'x' }),
      line({ path: '/root/missing', line: 'x' }),
      file({ path: '/root/owned', content: 'x', owner: 'nobody-knows' }),
    ]);
    expect(changed).toEqual([]);
    expect(finished.failure?.message).toMatch(/nowhere does not exist.*missing does not exist.*nobody-knows/s);
    expect(finished.failure?.at?.file).toBe(import.meta.filename);
  });
});
