import { afterAll, beforeAll, expect, test } from 'vitest';
import { archive } from '../../../src/resources/archive.ts';
import { download } from '../../../src/resources/download.ts';
import { file } from '../../../src/resources/file.ts';
import { gitCheckout } from '../../../src/resources/git-checkout.ts';
import { hostname } from '../../../src/resources/hostname.ts';
import { mount } from '../../../src/resources/mount.ts';
import { timezone } from '../../../src/resources/timezone.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { revertLastRun } from '../../support/revert.ts';
import { runOn } from '../../support/run-on.ts';
import { fileSystemOf } from '../../support/snapshot.ts';

let host: StartedHost;
beforeAll(async () => {
  host = await startHost({ packages: ['git', 'curl', 'unzip', 'zip', 'busybox', 'tzdata'] });
  await host.sh(`mkdir -p /run/www/tree/bin && cd /run/www
    echo program >tree/bin/program && chmod 755 tree/bin/program && ln -s bin/program tree/link
    tar -czf one.tar.gz tree && echo second >tree/second && tar -czf two.tar.gz tree && (cd tree && zip -q -r ../three.zip .)
    busybox httpd -p 127.0.0.1:8080 -h /run/www
    git init --quiet --bare /run/origin && git clone --quiet /run/origin /run/work 2>/dev/null && cd /run/work
    git config user.email x@example.org && git config user.name x && git checkout --quiet -b main
    echo 1 >f && git add f && git commit --quiet -m 1 && git tag -a v1 -m v1 && echo 2 >f && git commit --quiet -a -m 2
    git push --quiet origin main v1 && chmod -R a+rX /run/origin`);
});
afterAll(() => host?.remove());

/** Applies, finds it in sync with one round trip, and gives the outcome of the first run. */
async function converge(...resources: Parameters<typeof runOn>[1][]) {
  const all = () => resources.map((declare) => declare());
  const first = await runOn(host, all);
  expect(first.finished.failure).toBeUndefined();
  expect(first.finished).toMatchObject({ status: 'changed', counts: { differences: 0 } });
  const again = await runOn(host, all);
  expect(again.finished.failure).toBeUndefined();
  expect(again.finished).toMatchObject({ status: 'ok', roundTrips: 1 });
  return first;
}

const snapshot = () => fileSystemOf(host, ['/var/lib/lab']);
const sumOf = async (path: string) => (await host.sh(`sha256sum <${path}`)).slice(0, 64);
const lines = (text: string) => text.trim().split('\n');

test('a name, for the kernel, the file and the table, and back', async () => {
  const before = await host.sh('uname -n; cat /etc/hostname /etc/hosts');
  await converge(() => hostname({ name: 'nas.home.example' }));
  expect(await host.sh('uname -n; cat /etc/hostname; getent hosts nas.home.example')).toMatch(
    /^nas\.home\.example\nnas\.home\.example\n127\.0\.1\.1 +nas\.home\.example nas\n$/,
  );
  await revertLastRun(host);
  expect(await host.sh('uname -n; cat /etc/hostname /etc/hosts')).toBe(before);
});

test('a time zone and back', async () => {
  const before = await snapshot();
  await converge(() => timezone({ name: 'Asia/Kathmandu' }));
  expect(await host.sh('date +%z; cat /etc/timezone')).toBe('+0545\nAsia/Kathmandu\n');
  await revertLastRun(host);
  expect(await snapshot()).toBe(before);
});

test('a file system: listed, mounted, remounted, exchanged, absent, and each way back', async () => {
  const path = '/srv/my media';
  const declare = (size: string, source = 'lab') => mount({ path, source, type: 'tmpfs', options: [`size=${size}`] });
  const mounted = async () => (await host.exec(['findmnt', '-n', '-o', 'SOURCE,OPTIONS', path])).stdout;
  await converge(() => declare('64k'));
  expect(await mounted()).toMatch(/^lab +.*size=64k/);
  expect(await host.sh('cat /etc/fstab')).toContain('lab /srv/my\\040media tmpfs size=64k 0 0\n');
  await converge(() => declare('128k'));
  expect(await mounted()).toContain('size=128k');
  await revertLastRun(host);
  expect(await mounted()).toContain('size=64k');
  await converge(() => declare('64k', 'other'));
  expect(await mounted()).toMatch(/^other/);
  await converge(() => mount({ path, state: 'absent' }));
  expect(await mounted()).toBe('');
  expect(await host.sh('cat /etc/fstab')).not.toContain('media');
  await revertLastRun(host);
  expect(await mounted()).toMatch(/^other/);
});

test('a download: checked, owned, and never replaced by something else', async () => {
  const path = '/usr/local/bin/one.tar.gz';
  const url = 'http://127.0.0.1:8080/one.tar.gz';
  const sha256 = await sumOf('/run/www/one.tar.gz');
  const before = await snapshot();
  await converge(() => download({ path, url, sha256, mode: '0755', group: 'adm' }));
  expect(await host.sh(`stat -c '%a %U:%G' ${path}`)).toBe('755 root:adm\n');
  expect(await sumOf(path)).toBe(sha256);

  const wrong = await runOn(host, () => download({ path, url, sha256: '0'.repeat(64) }));
  expect(wrong.finished.failure).toMatchObject({ code: 'STEP_FAILED', output: expect.stringContaining(sha256) });
  const missing = await runOn(host, () => download({ path, url: `${url}x`, sha256: '0'.repeat(64) }));
  expect(missing.finished.failure).toMatchObject({ code: 'STEP_FAILED', output: expect.stringContaining('404') });
  expect(await sumOf(path)).toBe(sha256);
  expect(await host.sh('ls -A /usr/local/bin')).toBe('one.tar.gz\n');
  await host.sh(`rm ${path}`);
  expect(await snapshot()).toBe(before);
});

test('archives: unpacked, replaced by the next version as a whole, and back', async () => {
  const of = async (name: string, strip = 0) => ({
    ...{ path: '/opt/program', url: `http://127.0.0.1:8080/${name}`, strip, sha256: await sumOf(`/run/www/${name}`) },
  });
  const [one, two, three] = [await of('one.tar.gz', 1), await of('two.tar.gz', 1), await of('three.zip')];
  const before = await snapshot();
  await converge(() => archive(one));
  expect(await host.sh('/opt/program/bin/program 2>/dev/null; cat /opt/program/link; ls /opt/program')).toBe(
    'program\nbin\nlink\n',
  );
  const unpacked = await snapshot();
  await converge(() => archive({ ...two, owner: 'www-data', group: 'www-data' }));
  expect(await host.sh('cat /opt/program/second; stat -c %U /opt/program/second; ls -A /opt')).toBe(
    'second\nwww-data\nprogram\n',
  );
  await revertLastRun(host);
  expect(await snapshot()).toBe(unpacked);
  await converge(() => archive(three));
  expect(await host.sh('cat /opt/program/second')).toBe('second\n');
  await host.sh('rm -rf /opt/program');
  await converge(() => archive(one));
  await revertLastRun(host);
  expect(await snapshot()).toBe(before);
});

test('an archive that cannot be unpacked leaves what was there', async () => {
  await host.sh('echo nonsense >/run/www/bad.tar.gz');
  await host.sh('mkdir -p /opt/kept && echo kept >/opt/kept/f');
  const sha256 = await sumOf('/run/www/bad.tar.gz');
  const url = 'http://127.0.0.1:8080/bad.tar.gz';
  const before = await snapshot();
  const { finished } = await runOn(host, () => archive({ path: '/opt/kept', url, sha256, replace: true }));
  expect(finished.failure).toMatchObject({ code: 'STEP_FAILED' });
  expect(finished.failure?.hint).not.toContain('could not be taken back');
  expect(await snapshot()).toBe(before);
});

test('a working copy: a tag, then the branch, as its own user, and back', async () => {
  const checkout = (revision: string, more = {}) =>
    gitCheckout({ path: '/srv/app', repository: 'file:///run/origin', revision, user: 'www-data', ...more });
  await host.sh(
    'git config --system --add safe.directory /run/origin; git config --system --add safe.directory /run/origin/.git',
  );
  const before = await snapshot();
  await converge(() => checkout('v1'));
  expect(await host.sh('cat /srv/app/f; stat -c %U /srv/app/f')).toBe('1\nwww-data\n');
  await converge(() => checkout('main'));
  expect(await host.sh('cat /srv/app/f')).toBe('2\n');

  await host.sh(
    'cd /run/work && echo 3 >f && git commit --quiet -a -m 3 && git push --quiet origin main && chmod -R a+rX /run/origin',
  );
  await converge(() => checkout('main'));
  await revertLastRun(host);
  expect(await host.sh('cat /srv/app/f')).toBe('2\n');

  await host.sh('echo mine >/srv/app/f');
  const dirty = await runOn(host, () => checkout('main'));
  expect(dirty.finished.failure?.message).toContain('local changes');
  await converge(() => checkout('main', { force: true }));
  expect(await host.sh('cat /srv/app/f')).toBe('3\n');
  await revertLastRun(host);
  expect(await host.sh('cat /srv/app/f')).toBe('mine\n');

  const unknown = await runOn(host, () => checkout('no-such'));
  expect(unknown.finished.failure).toMatchObject({ code: 'PLAN_IMPOSSIBLE', found: 'no-such' });
  await host.sh('rm -rf /srv/app');
  await converge(() => checkout('v1'));
  await revertLastRun(host);
  expect(await snapshot()).toBe(before);
});

test('a validated file is checked by the real program, and a wrong one never arrives', async () => {
  const sudoers = (content: string) => () =>
    file({ path: '/etc/sudoers.d/lab', content, mode: '0440', validate: ['visudo', '-cf', '%s'] });
  await converge(sudoers('www-data ALL=(ALL) NOPASSWD: /bin/true\n'));
  const { finished } = await runOn(host, sudoers('www-data ALL=(ALL NOPASSWD\n'));
  expect(finished.failure).toMatchObject({
    code: 'STEP_FAILED',
    output: expect.stringMatching(/syntax error|parse error/),
  });
  expect(lines(await host.sh('cat /etc/sudoers.d/lab; visudo -c >&2'))).toEqual([
    'www-data ALL=(ALL) NOPASSWD: /bin/true',
  ]);
});
