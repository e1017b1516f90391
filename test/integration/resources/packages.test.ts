import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { aptRepository } from '../../../src/resources/apt-repository.ts';
import { file } from '../../../src/resources/file.ts';
import { packages } from '../../../src/resources/package.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { revertLastRun } from '../../support/revert.ts';
import { runOn } from '../../support/run-on.ts';
import { fileSystemOf } from '../../support/snapshot.ts';

// Each looks several times at the whole host, and other hosts may be at work beside it.
vi.setConfig({ testTimeout: 180_000 });

let host: StartedHost;
beforeAll(async () => {
  host = await startHost({ packages: ['gnupg'] });
  await host.sh(readFileSync(new URL('../../support/apt-repository.sh', import.meta.url), 'utf8'));
});
afterAll(() => host?.remove());

/** Those that apt knows only by name left out. */
const versions = () =>
  host.sh(
    `dpkg-query -W -f '\${Package} \${Version} \${db:Status-Abbrev}\\n' 'lab-*' 2>/dev/null | grep -v ' un' || true`,
  );
const state = async () =>
  [
    await fileSystemOf(host, ['/var/lib/lab', '/var/lib/dpkg', '/var/lib/apt', '/usr/bin', '/usr/lib', '/usr/sbin']),
    await host.sh(
      `dpkg-query -W -f '\${binary:Package} \${Version} \${db:Status-Abbrev}\\n'; apt-mark showmanual; apt-mark showhold`,
    ),
  ].join('\n');

/** Holds one of the package manager's locks, as another one would (fcntl(2)), and says when it has it. */
const holdLock = async (path: string, seconds: number) => {
  const program = `open F, "+>>", "${path}" or die; my $lock = pack("s s x![l!] l! l! i x![l!]", F_WRLCK, 0, 0, 0, 0);
    fcntl(F, F_SETLK, $lock) or die; open G, ">", "/run/held"; close G; sleep ${seconds}`;
  await host.sh(`rm -f /run/held; setsid perl -MFcntl -e '${program}' >/run/holder.log 2>&1 </dev/null &
    tries=0; until [ -e /run/held ]; do tries=$((tries + 1)); [ $tries -lt 50 ] || { cat /run/holder.log; exit 1; }; sleep 0.1; done`);
};

test('missing index, dependencies, configuration: there and back', async () => {
  const resources = () => packages({ names: ['lab-app', 'lab-provider'] });
  const before = await state();
  const checked = await runOn(host, resources, { mode: 'check' });
  expect(await state()).toBe(before);
  const first = await runOn(host, resources);
  expect(first.finished.status).toBe('changed');
  expect(first.planned).toEqual(checked.planned);
  expect(await versions()).toBe('lab-app 2.0 ii \nlab-lib 1.0 ii \nlab-provider 1.0 ii \n');
  expect((await runOn(host, resources)).finished).toMatchObject({ status: 'ok', roundTrips: 1 });
  await revertLastRun(host);
  expect(await state()).toBe(before);
});

test('what was there before stays when an installation is undone', async () => {
  await host.sh(
    'apt-get -q -y install lab-needs-lib && apt-get -q -y remove lab-needs-lib && apt-get -q -y install lab-lib',
  );
  const before = await state();
  await runOn(host, () => packages({ names: ['lab-app', 'lab-lib', 'lab-needs-lib'] }));
  await revertLastRun(host);
  expect(await state()).toBe(before);
  await host.sh('apt-get -q -y purge lab-lib lab-needs-lib');
});

test('what was installed since, and needs it, is not removed with it', async () => {
  await runOn(host, () => packages({ name: 'lab-app' }));
  await host.sh('apt-get -q -y install lab-needs-lib');
  await expect(revertLastRun(host)).rejects.toThrow('in need of it: lab-needs-lib');
  expect(await versions()).toContain('lab-needs-lib 1.0 ii');
  await host.sh('apt-get -q -y purge lab-needs-lib');
  await revertLastRun(host);
  expect(await versions()).not.toContain('lab-app');
});

test('a version: up, down, and back to what it was, with an edited configuration kept', async () => {
  const at = (version: string) => () => packages({ name: 'lab-app', version });
  await runOn(host, at('1.0'));
  expect(await versions()).toContain('lab-app 1.0 ii');
  await host.sh('echo edited >/etc/lab-app.conf');
  const before = await state();
  expect((await runOn(host, at('2.0'))).finished.status).toBe('changed');
  expect(await versions()).toContain('lab-app 2.0 ii');
  expect(await host.sh('cat /etc/lab-app.conf')).toBe('edited\n');
  await revertLastRun(host);
  expect(await state()).toBe(before);
  await runOn(host, () => packages({ name: 'lab-app', state: 'latest' }));
  expect(await versions()).toContain('lab-app 2.0 ii');
  expect((await runOn(host, () => packages({ name: 'lab-app', state: 'latest' }))).finished.status).toBe('ok');
  expect((await runOn(host, at('1.0'))).finished.status).toBe('changed');
  expect(await versions()).toContain('lab-app 1.0 ii');
});

test('removed, and back with its configuration', async () => {
  const before = await state();
  const gone = () => packages({ names: ['lab-app', 'lab-provider'], state: 'absent' });
  expect((await runOn(host, gone)).finished.status).toBe('changed');
  expect(await versions()).toContain('lab-app 1.0 rc');
  expect((await runOn(host, gone)).finished).toMatchObject({ status: 'ok', roundTrips: 1 });
  await revertLastRun(host);
  expect(await state()).toBe(before);
});

test('a rival takes it away, and undoing brings it back although no repository has that version any more', async () => {
  const before = await state();
  await runOn(host, () => packages({ name: 'lab-rival' }));
  expect(await versions()).toContain('lab-rival 1.0 ii');
  expect(await versions()).not.toContain('lab-app 1.0 ii');
  await host.sh('mv /srv/repo/lab-app_1.0_all.deb /tmp && apt-get -q update');
  await revertLastRun(host);
  await host.sh('mv /tmp/lab-app_1.0_all.deb /srv/repo');
  expect(await state()).toBe(before);
});

test('what is only recommended stays away when it is not wanted', async () => {
  await runOn(host, () => packages({ name: 'lab-wishful', recommends: false }));
  expect(await versions()).toContain('lab-wishful 1.0 ii');
  expect(await versions()).not.toContain('lab-rival');
  await revertLastRun(host);
});

test('held: as declared when installed, an error when it would have to change, unless that is allowed', async () => {
  await host.sh('apt-mark hold lab-app');
  expect((await runOn(host, () => packages({ name: 'lab-app' }))).finished.status).toBe('ok');
  const refused = await runOn(host, () => packages({ name: 'lab-app', version: '2.0' }));
  expect(refused.finished).toMatchObject({ status: 'failed', failure: { code: 'PLAN_IMPOSSIBLE' } });
  const allowed = await runOn(host, () => packages({ name: 'lab-app', version: '2.0', allowHeld: true }));
  expect(allowed.finished.status).toBe('changed');
  await host.sh('apt-mark unhold lab-app');
});

test.each(['/var/lib/dpkg/lock-frontend', '/var/lib/apt/lists/lock'])('waits for %s and says so', async (lock) => {
  await host.sh('apt-get -q -y purge lab-provider; rm -rf /var/lib/apt/lists/*; mkdir -p /var/lib/apt/lists');
  await holdLock(lock, 4);
  const outcome = await runOn(host, () => packages({ name: 'lab-provider' }));
  expect(outcome.finished.status).toBe('changed');
  const said = outcome.events.flatMap((event) => (event.event === 'resource-output' ? [event.text] : [])).join('');
  expect(said).toMatch(/waiting/i);
});

test('a lock that is not given back in time is an error that names it', async () => {
  await host.sh('apt-get -q -y purge lab-provider');
  await holdLock('/var/lib/dpkg/lock-frontend', 60);
  const outcome = await runOn(host, () => packages({ name: 'lab-provider', lockTimeoutSeconds: 2 }));
  await host.sh('pkill -x perl');
  expect(outcome.finished).toMatchObject({
    status: 'failed',
    failure: {
      code: 'STEP_FAILED',
      output: expect.stringContaining('held the lock'),
      hint: expect.stringContaining('another package manager'),
    },
  });
});

test('a half-configured package is finished first', async () => {
  await host.exec(['apt-get', '-q', '-y', 'install', 'lab-broken']);
  expect(await versions()).toContain('lab-broken 1.0 iF');
  await host.sh('touch /srv/mended');
  expect((await runOn(host, () => packages({ names: ['lab-broken', 'lab-provider'] }))).finished.status).toBe(
    'changed',
  );
  expect(await versions()).toContain('lab-broken 1.0 ii');
});

test('an installation that fails is taken back', async () => {
  await host.sh('rm -f /srv/mended; apt-get -q -y purge lab-broken lab-provider');
  const before = await state();
  const outcome = await runOn(host, () => packages({ names: ['lab-broken', 'lab-provider'] }));
  expect(outcome.finished).toMatchObject({ status: 'failed', failure: { code: 'STEP_FAILED' } });
  expect(await state()).toBe(before);
});

const failing: [string, string, RegExp][] = [
  ['unknown', 'lab-nope', /Unable to locate package lab-nope/],
  ['virtual', 'lab-virtual', /virtual package/],
];
test.each(failing)('a package that is %s is an error, and changes nothing', async (_, name, output) => {
  await host.sh('apt-get -q -y purge lab-provider 2>/dev/null || true');
  const before = await state();
  const outcome = await runOn(host, () => packages({ name }));
  expect(outcome.finished).toMatchObject({
    status: 'failed',
    failure: { code: 'STEP_FAILED', output: expect.stringMatching(output) },
  });
  expect(await state()).toBe(before);
});

test('the index is read anew when a source came after it', async () => {
  await host.sh(`mkdir /srv/other && cp /srv/repo/lab-provider_1.0_all.deb /srv/other && cd /srv/other && dpkg-deb -R lab-provider_1.0_all.deb x && sed -i 's/^Package: .*/Package: lab-late/; /^Provides/d' x/DEBIAN/control && dpkg-deb --root-owner-group -b x lab-late_1.0_all.deb >/dev/null && rm -r x lab-provider*.deb
    { dpkg-deb -f lab-late_1.0_all.deb; printf 'Filename: ./lab-late_1.0_all.deb\\nSize: %s\\nSHA256: %s\\n\\n' "$(stat -c %s lab-late_1.0_all.deb)" "$(sha256sum lab-late_1.0_all.deb | cut -d ' ' -f 1)"; } >Packages`);
  const outcome = await runOn(host, () => [
    file({ path: '/etc/apt/sources.list.d/other.list', content: 'deb [trusted=yes] file:/srv/other ./\n' }),
    packages({ name: 'lab-late' }),
  ]);
  expect(outcome.finished.status).toBe('changed');
  expect(await versions()).toContain('lab-late 1.0 ii');
});

test('a repository with its key: there, refused with a wrong signature, and back', async () => {
  const [key, stranger] = (
    await host.sh(`mkdir -p /srv/signed && cp -r /srv/other/* /srv/signed && cd /srv/signed && sed -i 's/lab-late/lab-signed/' Packages && rm -f *.deb
    dpkg-deb -R /srv/other/lab-late_1.0_all.deb /tmp/signed && rm -r /tmp/signed/usr && sed -i 's/lab-late/lab-signed/' /tmp/signed/DEBIAN/control && dpkg-deb --root-owner-group -b /tmp/signed lab-signed_1.0_all.deb >/dev/null
    { dpkg-deb -f lab-signed_1.0_all.deb; printf 'Filename: ./lab-signed_1.0_all.deb\\nSize: %s\\nSHA256: %s\\n\\n' "$(stat -c %s lab-signed_1.0_all.deb)" "$(sha256sum lab-signed_1.0_all.deb | cut -d ' ' -f 1)"; } >Packages
    printf 'Date: %s\\nSHA256:\\n %s %s Packages\\n' "$(LC_ALL=C date -u -R)" "$(sha256sum Packages | cut -d ' ' -f 1)" "$(stat -c %s Packages)" >Release
    for who in owner stranger; do gpg --homedir /tmp --batch --quiet --passphrase '' --quick-gen-key $who@example.dev ed25519 sign 2>/dev/null; done
    gpg --homedir /tmp --batch --quiet --local-user owner@example.dev --clearsign --output InRelease Release
    gpg --homedir /tmp --armor --export owner@example.dev; echo ===; gpg --homedir /tmp --armor --export stranger@example.dev`)
  ).split('===\n');
  const resources = (signer: string | undefined) => () => [
    aptRepository({ name: 'signed', uris: ['file:/srv/signed'], suites: ['./'], key: signer ?? '' }),
    packages({ name: 'lab-signed' }),
  ];
  const before = await state();
  const wrong = await runOn(host, resources(stranger));
  expect(wrong.finished).toMatchObject({
    status: 'failed',
    failure: { resource: 'apt-repository:signed', code: 'STEP_FAILED' },
  });
  expect(await state()).toBe(before);
  const right = await runOn(host, resources(key));
  expect(right.finished.failure?.output).toBeUndefined();
  expect(await versions()).toContain('lab-signed 1.0 ii');
  expect((await runOn(host, resources(key))).finished).toMatchObject({ status: 'ok', roundTrips: 1 });
  const gone = () => [
    packages({ name: 'lab-signed', state: 'absent' }),
    aptRepository({ name: 'signed', state: 'absent' }),
  ];
  expect((await runOn(host, gone)).changed).toEqual(['package:lab-signed', 'apt-repository:signed']);
  expect(
    (await host.exec(['ls', '/etc/apt/keyrings/signed.asc', '/etc/apt/sources.list.d/signed.sources'])).stdout,
  ).toBe('');
});
