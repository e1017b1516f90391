import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabProject, labProject } from '../../support/lab-project.ts';

// A real Docker daemon on the host. Its containers run without control groups of their own, which a host in a container has not.

let host: StartedHost;
let project: LabProject;
const runtime = { crun: { path: '/usr/bin/crun', runtimeArgs: ['--cgroup-manager=disabled'] } };
const before = `${JSON.stringify({ runtimes: runtime, 'default-runtime': 'crun', icc: true })}\n`;
const playbook = `import { definePlaybook } from 'labwright';
import containers from 'labwright/roles/containers';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [containers] }] });
`;

beforeAll(async () => {
  host = await startHost({ packages: ['docker.io', 'iptables', 'crun', 'busybox-static'] });
  await host.exec(['sh', '-c', 'mkdir -p /etc/docker; cat >/etc/docker/daemon.json'], before);
  await host.sh(`systemctl restart docker
    mkdir -p /srv/root/bin && cp /bin/busybox /srv/root/bin && tar -C /srv/root -c . | docker import - box
    docker run -d --name web -p 8080:80 box /bin/busybox httpd -f -p 80
    docker run -d --name bad -v /run/docker.sock:/s --pid host --network host --cap-add NET_ADMIN box /bin/busybox sleep 9999`);
  project = labProject({ ...inventoryFiles({ alpha: host }), 'playbooks/site.ts': playbook });
}, 240_000);
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

const started = () => host.sh("docker inspect --format '{{.State.StartedAt}} {{.State.Running}}' web bad");
const run = (...more: string[]) => project.lab(['run', 'site', '--output', 'plain', ...more]);

it('hardens the daemon, leaves its other settings, and ends no container', async () => {
  const running = await started();
  const { exitCode, stdout } = await run();
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(await host.sh('cat /etc/docker/daemon.json'))).toMatchObject({ runtimes: runtime, icc: false });
  // As the daemon itself says it is.
  const info = JSON.parse(await host.sh("docker info --format '{{json .}}'"));
  expect(info).toMatchObject({ LiveRestoreEnabled: true, DefaultRuntime: 'crun' });
  expect(await host.sh('docker run --rm box /bin/busybox grep NoNewPrivs /proc/self/status')).toMatch(/1$/m);
  expect(await started()).toBe(running);
  expect((await run()).stdout).toMatch(/0 changed/);
  // The default bridge is made anew by a daemon that starts without containers, as after a reboot.
  await host.sh('docker stop web bad; systemctl reset-failed docker; systemctl restart docker');
  const option = '{{index .Options "com.docker.network.bridge.enable_icc"}}';
  expect(await host.sh(`docker network inspect bridge --format '${option}'; docker start web bad`)).toMatch(/^false/);
});

it('tells of containers that have what leads to the host, but for what is meant to be so', async () => {
  const verify = async (...more: string[]) => {
    const { exitCode, stdout } = await project.lab(['verify', 'containers', '--output', 'json', ...more]);
    return { exitCode, hosts: JSON.parse(stdout).hosts };
  };
  const first = await verify();
  expect(first).toMatchObject({ exitCode: 1, hosts: [{ host: 'alpha', engines: ['docker'], running: 2 }] });
  const kinds = first.hosts[0].risks.map(({ container, kind }: Record<string, string>) => `${container} ${kind}`);
  expect(kinds).toEqual(['host-network', 'host-pid', 'engine-socket', 'capabilities'].map((kind) => `bad ${kind}`));
  const { exitCode, stdout } = await project.lab(['verify', 'containers']);
  expect({ exitCode, stdout }).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('engine-socket: bad on alpha mounts /run/docker.sock: it can begin any container'),
  });
  await host.sh('docker rm -f bad');
  expect(await verify()).toMatchObject({ exitCode: 0, hosts: [{ running: 1, risks: [] }] });
});

it('refuses a daemon that listens on TCP, and settings that are none', async () => {
  await host.sh(`mkdir -p /etc/systemd/system/docker.service.d
    printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://0.0.0.0:2375\\n' >/etc/systemd/system/docker.service.d/tcp.conf
    systemctl daemon-reload`);
  const listening = await run();
  await host.sh('rm -r /etc/systemd/system/docker.service.d; systemctl daemon-reload');
  expect(listening).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('tcp://0.0.0.0:2375') });
  await host.sh('cp /etc/docker/daemon.json /root; echo nonsense >/etc/docker/daemon.json');
  const nonsense = await run();
  await host.sh('mv /root/daemon.json /etc/docker');
  expect(nonsense).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('cannot be read') });
});

it('is taken back by a rollback, with the containers still there', async () => {
  const running = await host.sh("docker inspect --format '{{.State.StartedAt}}' web");
  const { exitCode, stdout } = await project.lab(['rollback', 'containers', '--output', 'plain']);
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  expect(await host.sh('cat /etc/docker/daemon.json')).toBe(before);
  expect(await host.sh("docker inspect --format '{{.State.StartedAt}}' web")).toBe(running);
});

it('does nothing on a host without Docker', async () => {
  await host.sh('mv /usr/sbin/dockerd /root');
  expect((await run()).stdout).toMatch(/0 changed/);
  await host.sh('mv /root/dockerd /usr/sbin');
});
