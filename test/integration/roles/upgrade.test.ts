import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { bootOf, UpgradingHosts, versionOn } from '../../support/upgrading.ts';

vi.setConfig({ testTimeout: 180_000 });

let hosts: UpgradingHosts;
beforeAll(async () => {
  hosts = await UpgradingHosts.start(
    "timeoutSeconds: 90, health: ['units', { argv: ['test', '!', '-e', '/srv/ill'] }]",
  );
});
afterAll(() => hosts?.[Symbol.asyncDispose]());

const upgrade = (...options: string[]) => hosts.project.lab(['run', 'upgrade', ...options]);

it('tells with --check which packages and which reboot are due, from an index that is newer than that of the host', async () => {
  const { first } = hosts;
  await first.sh(`touch /run/reboot-required; echo linux-image-amd64 >/run/reboot-required.pkgs
    mv /srv/repo/lab-lib_1.0_all.deb /srv/; touch -d '2 days ago' /var/lib/apt/lists
    . /etc/os-release; mkdir -p /tmp/new/DEBIAN; printf 'Package: lab-lib\\nVersion: 3.0\\nArchitecture: all\\nMaintainer: nobody <nobody@example.dev>\\nDescription: a test\\n' >/tmp/new/DEBIAN/control
    dpkg-deb --root-owner-group --build /tmp/new /srv/repo/lab-lib_3.0_all.deb >/dev/null
    cd /srv/repo && for file in *.deb; do dpkg-deb -f "$file"; printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d ' ' -f 1)"; done >Packages`);
  const state = () =>
    first.sh('ls -lR --time-style=full-iso /var/lib/apt /var/cache/apt /var/log /var/lib/dpkg /var/tmp');
  const before = (await state()).replace(/.*journal.*/g, '');
  const { exitCode, stdout } = await upgrade('--check');
  expect(stdout).toContain('first: 2 packages: lab-lib 1.0 → 3.0, lab-app 1.0 → 2.0');
  expect(stdout).toContain('first: a reboot is due: /run/reboot-required of linux-image-amd64');
  expect(stdout).toContain('second: 1 package: lab-app 1.0 → 2.0');
  expect(stdout).toMatch(/~ first {3}upgrade 2 packages, reboot\n~ second {2}upgrade 1 package, reboot if that asks/);
  expect(exitCode).toBe(2);
  expect((await state()).replace(/.*journal.*/g, '')).toBe(before);
});

it('touches nothing while a mirror cannot be read, or a host is not well already', async () => {
  const { first, second } = hosts;
  await second.sh("echo 'deb [trusted=yes] file:/srv/gone ./' >>/etc/apt/sources.list");
  const unread = await upgrade();
  expect(unread).toMatchObject({ exitCode: 1 });
  expect(unread.stderr).toMatch(/second.*it cannot be told what an upgrade would do/s);
  expect(unread.stderr).toContain('/srv/gone');
  await second.sh("sed -i '/gone/d' /etc/apt/sources.list; touch /var/lib/apt/lists");
  await first.sh('touch /srv/ill');
  const ill = await upgrade();
  expect(ill).toMatchObject({ exitCode: 1 });
  expect(ill.stdout).toContain('first is not well already: nothing was changed there');
  expect(ill.stdout).toContain('"first" failed; what came before stays; not begun: second: run this again to finish');
  expect([await versionOn(first), await versionOn(second)]).toEqual(['1.0', '1.0']);
  await first.sh('rm /srv/ill');
});

it('upgrades one host, reboots it as that is due, then the next, with edited files kept and a broken installation finished', async () => {
  const { first, second, project } = hosts;
  await first.sh('echo mine >/etc/lab-app.conf');
  await second.sh('! apt-get -y -q install lab-broken; touch /srv/mended');
  const boots = [await bootOf(first), await bootOf(second)];
  const { exitCode, stdout } = await upgrade();
  expect(stdout).toMatch(/✔ first {3}2 packages upgraded, rebooted, as it was before/);
  expect(stdout).toMatch(/✔ second {2}1 package upgraded, as it was before/);
  expect(stdout).toContain('2 hosts upgraded');
  expect(exitCode).toBe(0);
  expect([await versionOn(first), await versionOn(second)]).toEqual(['2.0', '2.0']);
  expect([(await bootOf(first)) === boots[0], (await bootOf(second)) === boots[1]]).toEqual([false, true]);
  expect(await first.sh('cat /etc/lab-app.conf')).toBe('mine\n');
  expect(await second.sh('dpkg --audit')).toBe('');

  const history = (await project.lab(['history', '--output', 'json'])).stdout;
  expect(history).toContain('upgrade: packages');
  const again = await upgrade();
  expect(again).toMatchObject({ exitCode: 0 });
  expect(again.stdout).toContain('nothing to do');
});

it('has both versions in the history, and says that a rollback leaves them', async () => {
  const { project } = hosts;
  const runs = (await project.lab(['history', 'second'])).stdout;
  const run = /\S+(?=.* upgrade: packages )/.exec(runs)?.[0] ?? '';
  const { stdout } = await project.lab(['history', 'show', run]);
  expect(stdout).toContain('-lab-app 1.0');
  expect(stdout).toContain('+lab-app 2.0');
  const rollback = await project.lab(['rollback', 'upgrade', '--limit', 'second']);
  expect(rollback.stdout).toContain('upgraded-packages all: nothing says how to undo it, so it stays');
  expect(await versionOn(hosts.second)).toBe('2.0');
});
