import { afterAll, beforeAll, expect, it } from 'vitest';
import { adoptedInventory, handMadeConfig, handMadeKeys, presharedKey, startByHand } from '../support/hand-made.ts';
import { type StartedHost, startHost } from '../support/host.ts';
import { HostNetwork } from '../support/host-network.ts';
import { type LabProject, labProject, lockFile } from '../support/lab-project.ts';
import { Traffic } from '../support/traffic.ts';

// A tunnel that was made by hand is taken over by `--apply` alone, survives boots, and is handed back by a rollback.

type Name = 'hub' | 'nas';
const packages = ['wireguard-tools', 'wireguard-go', 'iputils-ping', 'nftables', 'netcat-openbsd', 'ufw'];
let network: HostNetwork;
let hosts: Record<Name, StartedHost>;
let project: LabProject;
const secrets: string[] = [];

beforeAll(async () => {
  network = await HostNetwork.create();
  const [hub, nas] = await Promise.all([2, 3].map((number) => startHost({ packages, network: network.place(number) })));
  if (hub === undefined || nas === undefined) throw new Error('no hosts');
  hosts = { hub, nas };
  const [ofHub, ofNas, preshared] = [await handMadeKeys(hub), await handMadeKeys(nas), await presharedKey(hub)];
  secrets.push(ofHub.privateKey, ofNas.privateKey, preshared);
  await startByHand(
    hub,
    'wg0',
    handMadeConfig(
      ofHub,
      ['Address = 10.91.0.1/24', 'ListenPort = 51820', 'PostUp = touch /run/was-up'],
      [{ publicKey: ofNas.publicKey, presharedKey: preshared, allowedIps: '10.91.0.2/32' }],
    ),
  );
  await startByHand(
    nas,
    'wg0',
    handMadeConfig(
      ofNas,
      ['Address = 10.91.0.2/32'],
      [
        {
          publicKey: ofHub.publicKey,
          presharedKey: preshared,
          allowedIps: '10.91.0.0/24',
          endpoint: `${hub.address}:51820`,
          keepalive: 25,
        },
      ],
    ),
  );
  await linked();
  project = labProject({
    'inventory/index.ts': adoptedInventory(hosts, 'hosts: { hub: {}, nas: {} },\n'),
    'inventory/lab.lock.yml': lockFile(hosts),
    'playbooks/site.ts': `import { definePlaybook } from 'labwright';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'tunnel', hosts: 'all', roles: [wireguard()] }] });
`,
  });
}, 300_000);
afterAll(async () => {
  project?.remove();
  for (const host of Object.values(hosts ?? {})) await host.remove();
  await network?.[Symbol.asyncDispose]();
});

const linked = () => hosts.nas.sh('timeout 60 sh -c "until ping -c 1 -W 1 10.91.0.1; do :; done" >/dev/null');
const keys = () => hosts.hub.sh('wg show wg0 private-key; wg show wg0 preshared-keys; wg show wg0 listen-port');
const files = () => hosts.hub.sh('cat /etc/wireguard/wg0.conf; systemctl is-enabled wg-quick@wg0');

async function lab(exitCode: number, ...words: string[]): Promise<string> {
  const outcome = await project.lab(words);
  const said = outcome.stdout + outcome.stderr;
  for (const secret of secrets) expect(said).not.toContain(secret);
  expect({ exitCode: outcome.exitCode, said }).toMatchObject({ exitCode });
  return said;
}

async function boot(name: Name, end: 'reboot' | 'powerCycle'): Promise<void> {
  hosts[name] = await hosts[name][end]();
  await linked();
}

it('is taken over by --apply, to its end, with no packet lost', async () => {
  project.write('inventory/index.ts', adoptedInventory(hosts, (await project.lab(['adopt', 'wireguard'])).stdout));
  const before = await keys();
  const byHand = await files();
  const traffic = await Traffic.start(hosts.nas, '10.91.0.1');
  const said = await lab(0, 'adopt', 'wireguard', '--apply');
  expect(said).toContain('PostUp = touch /run/was-up');
  expect((await traffic.end()).lost).toBe(0);
  expect(await keys()).toBe(before);
  await lab(0, 'run', 'site', '--check');
  // There is nothing left to take over, and that is no failure.
  await boot('hub', 'powerCycle');
  await boot('nas', 'reboot');
  expect(await keys()).toBe(before);

  await lab(0, 'rollback', 'wireguard');
  await linked();
  expect(await files()).toBe(byHand);
  await boot('hub', 'reboot');
  expect(await keys()).toBe(before);
  await lab(0, 'adopt', 'wireguard');
});

it('goes on where a first try got to one host alone', async () => {
  const before = await keys();
  await lab(0, 'run', 'site', '--limit', 'hub');
  expect(await lab(0, 'adopt', 'wireguard')).toContain('the inventory says what is there');
  await lab(0, 'adopt', 'wireguard', '--apply');
  await linked();
  expect(await keys()).toBe(before);
  await lab(0, 'run', 'site', '--check');
});
