import { expect, it } from 'vitest';
import { upgrade } from '../../roles/upgrade/role.ts';
import type { Procedure } from '../../src/playbook/procedure.ts';
import { TunnelHosts } from '../support/tunnel.ts';
import { bootOf, UpgradingHosts, versionOn } from '../support/upgrading.ts';

it('stops when a host does not come back: the next one was not touched', async () => {
  await using hosts = await UpgradingHosts.start("reboot: 'always', timeoutSeconds: 30");
  const { first, second, project } = hosts;
  await first.sh('systemctl mask ssh.service ssh.socket 2>&1');
  const boot = await bootOf(second);
  const { exitCode, stdout } = await project.lab(['run', 'upgrade']);
  expect(stdout).toContain('first did not come back');
  expect(stdout).toContain('not back 30 s after the reboot');
  expect(stdout).toContain('not begun: second');
  expect(exitCode).toBe(3);
  expect([await bootOf(second), await versionOn(second)]).toEqual([boot, '1.0']);
  const nightly = await project.lab(['run', 'nightly']);
  expect(nightly.stderr).toMatch(/not every host is well: nothing is upgraded[\s\S]*first: /);
  expect([nightly.exitCode, await versionOn(second)]).toEqual([1, '1.0']);
});

it('stops when a unit fails after the reboot, and goes on when it is run again', async () => {
  await using hosts = await UpgradingHosts.start('timeoutSeconds: 60');
  const { first, second, project } = hosts;
  await first.sh(`printf '[Service]\\nType=oneshot\\nExecStart=/usr/bin/test -e /run/there\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/fragile.service
    touch /run/there /run/reboot-required; systemctl enable -q --now fragile.service`);
  const boot = await bootOf(second);
  const { exitCode, stdout } = await project.lab(['run', 'upgrade']);
  expect(stdout).toContain('first is not as it was before');
  expect(stdout).toContain('fragile.service failed');
  expect(exitCode).toBe(1);
  expect([await bootOf(second), await versionOn(second)]).toEqual([boot, '1.0']);
  const nightly = await project.lab(['run', 'nightly']);
  expect(nightly.stderr).toContain('first: failed already: fragile.service');
  expect([nightly.exitCode, await versionOn(second)]).toEqual([1, '1.0']);
  const again = await project.lab(['run', 'upgrade']);
  expect(again.stdout).toContain('first: failed already: fragile.service');
  expect(again.stdout).toMatch(/✔ second {2}1 package upgraded, as it was before/);
  expect(again.exitCode).toBe(0);
});

it('goes on where its controller was killed, and does not reboot twice', async () => {
  await using hosts = await UpgradingHosts.start('timeoutSeconds: 60');
  const { first, second, project } = hosts;
  await first.sh('touch /run/reboot-required');
  const boot = await bootOf(first);
  const run = project.start(['run', 'upgrade']);
  await run.says('first reboots');
  await expect.poll(() => first.sh('ls /var/lib/lab/runs | wc -l'), { interval: 20 }).toMatch(/^2/);
  run.process.kill('SIGKILL');
  await run.ended;
  await expect.poll(() => bootOf(first).catch(() => boot)).not.toBe(boot);
  const booted = await bootOf(first);
  await expect
    .poll(async () => (await project.lab(['run', 'upgrade'])).stdout, { timeout: 60_000, interval: 1000 })
    .toContain('nothing to do');
  expect([await bootOf(first), await versionOn(first), await versionOn(second)]).toEqual([booted, '2.0', '2.0']);
});

it('reboots the gateway of a tunnel last, and waits until its links shake hands again', async () => {
  const tunnel = await TunnelHosts.start(['gateway', 'nas'], () => ({ restart: true }));
  try {
    await tunnel.apply();
    await tunnel.reachesAll();
    const { exitCode, told, text } = await tunnel.proceed(
      (inventory) => upgrade({ inventory, reboot: 'always' }) as unknown as Procedure,
    );
    const steps = told.flatMap((event) => (event.event === 'step-finished' ? [event.name] : []));
    expect([exitCode, steps], text).toEqual([0, ['nas', 'gateway']]);
    const handshakes = await tunnel.hosts.gateway.sh('wg show all latest-handshakes');
    expect(Number(handshakes.trim().split(/\s+/).at(-1))).toBeGreaterThan(0);

    // A link that stays silent stops it.
    await tunnel.hosts.nas.sh('systemctl disable -q wg-quick@wg0');
    const { exitCode: code, text: stopped } = await tunnel.proceed(
      (inventory) => upgrade({ inventory, reboot: 'always', timeoutSeconds: 20 }) as unknown as Procedure,
    );
    expect(stopped).toContain('no handshake on wg0 with gateway');
    expect(stopped).toContain('not begun: gateway');
    expect(code).toBe(1);
  } finally {
    await tunnel.remove();
  }
});
