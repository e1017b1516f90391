import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../support/host.ts';
import { eventsOf, inventoryFiles, type LabProject, labProject } from '../support/lab-project.ts';
import { WholeState } from '../support/snapshot.ts';

// The strict level on a host that has nothing for it, and the way back, which its own journal knows.

let host: StartedHost;
let project: LabProject;
let state: WholeState;

const site = `import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base({
  timezone: 'Europe/Berlin', admins: [{ name: 'ada', keys: ['KEY'] }], hardening: { level: 'strict' },
})] }] });
`;

/** The system account of a package, which Debian leaves when the package is purged: another's files may have its number. */
const account = 'systemd-timesync:';

/** Everything that the level touches: files, packages, units, mounts, accounts, parameters of the kernel, and sshd as it runs. */
async function whole(): Promise<readonly string[]> {
  const asked = await host.sh(String.raw`
    sysctl -a 2>/dev/null | grep -E '^(dev|fs\.protected|kernel\.(dmesg|kptr|perf_event_p|randomize|sysrq|yama)|net)' | grep -v conntrack_count
    sshd -T | sort
    nft list ruleset
    sort /var/lib/ucf/hashfile`);
  return [...(await state.read()), ...asked.split('\n')];
}

beforeAll(async () => {
  host = await startHost();
  project = labProject({
    ...inventoryFiles({ alpha: host }),
    'playbooks/site.ts': site.replace('KEY', host.publicKey),
  });
  // Notes of earlier notes; those of now are looked at below.
  state = new WholeState(host, ['/var/lib/ucf']);
}, 300_000);
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

it('leaves nothing behind on a host from which it is taken back', async () => {
  const before = await whole();
  const done = await project.lab(['run', 'site', '--output', 'json']);
  expect({ exitCode: done.exitCode, said: done.stderr }).toMatchObject({ exitCode: 0 });
  expect(eventsOf(done.stdout).find(({ event }) => event === 'host-finished')).toMatchObject({
    status: 'changed',
    counts: { differences: 0 },
  });
  expect(await whole()).not.toEqual(before);

  const undone = await project.lab(['rollback', 'base', '--output', 'plain']);
  expect({ exitCode: undone.exitCode, said: undone.stdout + undone.stderr }).toMatchObject({ exitCode: 0 });
  const after = await whole();
  const changed = {
    new: after.filter((line) => !before.includes(line) && !line.startsWith(account)),
    gone: before.filter((line) => !after.includes(line)),
  };
  expect(changed).toEqual({ new: [], gone: [] });
});
