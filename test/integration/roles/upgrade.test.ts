import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { HostNetwork } from '../../support/host-network.ts';
import { inventoryFiles, type LabProject, labProject } from '../../support/lab-project.ts';

vi.setConfig({ testTimeout: 180_000 });

const repository = readFileSync(new URL('../../support/apt-repository.sh', import.meta.url), 'utf8');
const names = ['first', 'second'] as const;
type Name = (typeof names)[number];
let network: HostNetwork;
let hosts: Record<Name, StartedHost>;
let project: LabProject;

beforeAll(async () => {
  network = await HostNetwork.create();
  const started = await Promise.all(
    names.map((hostname, at) => startHost({ hostname, restart: true, network: network.place(2 + at) })),
  );
  hosts = Object.fromEntries(names.map((name, at) => [name, started[at]])) as Record<Name, StartedHost>;
  await Promise.all(
    started.map((host) => host.sh(`${repository}\napt-get -q update && apt-get -y -q install lab-app=1.0`)),
  );
  project = labProject({
    ...inventoryFiles(hosts),
    'playbooks/upgrade.ts': `import { upgrade } from 'labwright/roles/upgrade';
import inventory from '../inventory/index.ts';
export default upgrade({ inventory, timeoutSeconds: 60 });
`,
  });
});
afterAll(async () => {
  project?.remove();
  await Promise.all(Object.values(hosts ?? {}).map((host) => host.remove()));
  await network?.[Symbol.asyncDispose]();
});

const versionOn = (name: Name) => hosts[name].sh(`dpkg-query -W -f '\${Version}' lab-app`);
const bootOf = (name: Name) => hosts[name].sh("sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20");

it('upgrades', async () => {
  await hosts.first.sh('touch /run/reboot-required');
  const boots = [await bootOf('first'), await bootOf('second')];
  const check = await project.lab(['run', 'upgrade', '--check']);
  console.log(check);
  const run = await project.lab(['run', 'upgrade']);
  console.log(run.stdout, run.stderr);
  expect(await versionOn('first')).toBe('2.0');
  expect(await versionOn('second')).toBe('2.0');
  console.log(boots, [await bootOf('first'), await bootOf('second')]);
  console.log((await project.lab(['run', 'upgrade'])).stdout);
  console.log((await project.lab(['history'])).stdout);
});
