import { describe, expect, it } from 'vitest';
import { authorizedKeys } from '../../../src/resources/authorized-keys.ts';
import { command } from '../../../src/resources/command.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { file } from '../../../src/resources/file.ts';
import { unit } from '../../../src/resources/unit.ts';
import { user } from '../../../src/resources/user.ts';
import type { ConnectionSettings } from '../../../src/transport/contract.ts';
import { expectAtRest, expectTakenBack, lastRunState, logInAnew, stateOf } from '../../support/guarded.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

const guardSeconds = 10;
/** Where the login must come in time, however busy the machine is. */
const longGuard = 60;

/** Another address of the same network, which no container gets. */
const newAddressOf = ({ address }: StartedHost) => address.replace(/\.\d+\.(\d+)$/, '.200.$1');
const gatewayOf = ({ address }: StartedHost) => address.replace(/\d+$/, '1');

/** Everything that leads to a host changes: port, user and address. */
function move(host: StartedHost): ResourceTree {
  const conf = file({ path: '/etc/ssh/sshd_config.d/10-lab.conf', content: 'Port 2222\nAllowUsers ops\n' });
  const set = `ip address flush dev eth0 && ip address add "$1/16" brd + dev eth0 && { ip route add default via "$2" || :; }`;
  return [
    user({ name: 'ops', shell: '/bin/sh' }),
    authorizedKeys({ user: 'ops', keys: [host.publicKey] }),
    file({ path: '/etc/sudoers.d/ops', content: 'ops ALL=(ALL) NOPASSWD: ALL\n', mode: '0440' }),
    conf,
    unit({ name: 'ssh', state: 'running' }, { restartOn: [conf] }),
    command({
      argv: ['sh', '-c', set, 'set', newAddressOf(host), gatewayOf(host)],
      revert: ['sh', '-c', set, 'set', host.address, gatewayOf(host)],
      unless: ['sh', '-c', 'ip -4 address show dev eth0 | grep -q "inet $1/"', 'look', newAddressOf(host)],
      risk: 'connectivity',
    }),
  ];
}

/** What the inventory says after the move: the new endpoint, and where the host was before. */
function moved(host: StartedHost): Partial<ConnectionSettings> {
  return {
    ...{ address: newAddressOf(host), port: 2222, user: 'ops', become: 'sudo' },
    fallback: [{ address: host.address, port: 22, user: 'root', become: 'none' }],
  };
}

describe.concurrent('a host that moves', { timeout: 90_000 }, () => {
  it('to another port, user and address in one run stays there, and is in sync the next time', async () => {
    await using host = await startHost();
    const connection = moved(host);
    const outcome = await runOn(host, () => move(host), { connection, guardSeconds: longGuard });
    expect(outcome.finished.failure).toBeUndefined();
    expect(outcome.finished.status).toBe('changed');
    expect(outcome.events).toContainEqual(expect.objectContaining({ text: expect.stringContaining('fresh login') }));
    expect(await lastRunState(host)).toBe('complete');
    await expectAtRest(host);
    await logInAnew(host, { connection });
    await expect(logInAnew(host)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    const again = await runOn(host, () => move(host), { connection: { ...connection, fallback: [] }, guardSeconds });
    expect(again.finished).toMatchObject({ status: 'ok', roundTrips: 1 });
  });

  it('is taken back when only the old way in answers: that confirms nothing', async () => {
    await using host = await startHost();
    const before = await stateOf(host);
    const connection = { ...moved(host), address: host.address, port: 2223 };
    const resources = () => file({ path: '/etc/hosts.allow', content: 'sshd: ALL\n' });
    const outcome = await runOn(host, resources, { connection, guardSeconds: 6 });
    await expectTakenBack(host, before, outcome);
  });

  it('is taken back when the new way in is a mistake in the inventory', async () => {
    await using host = await startHost();
    // A new account cuts nobody's way: it comes before what is guarded, and stays.
    await runOn(host, () => user({ name: 'ops', shell: '/bin/sh' }));
    const before = await stateOf(host);
    const connection = { ...moved(host), user: 'opps' };
    const outcome = await runOn(host, () => move(host), { connection, guardSeconds });
    await expectTakenBack(host, before, outcome);
  });
});

/** Two hosts with a tunnel between them; the one at home can be reached through the other. */
const tunnel = { address: '10.99.0.1/24', port: 51820 };

it('whose tunnel goes down, when the login came through it, gets it back', async () => {
  const packages = ['wireguard-tools', 'wireguard-go'];
  const [home, gateway] = await Promise.all([startHost({ packages }), startHost({ packages })]);
  await using _ = home;
  await using __ = gateway;
  const newKey = async (host: StartedHost) =>
    (await host.sh('umask 077; wg genkey >/etc/wireguard/key; wg pubkey </etc/wireguard/key')).trim();
  const [homeKey, gatewayKey] = await Promise.all([newKey(home), newKey(gateway)]);
  const configure = (host: StartedHost, address: string, peer: string) =>
    host.sh(`umask 077; printf '%s\n' '[Interface]' 'Address = ${address}' "PrivateKey = $(cat /etc/wireguard/key)" \
      'ListenPort = ${tunnel.port}' '[Peer]' ${peer} >/etc/wireguard/wg0.conf; systemctl enable --now wg-quick@wg0`);
  await configure(home, tunnel.address, `'PublicKey = ${gatewayKey}' 'AllowedIPs = 10.99.0.2/32'`);
  await configure(
    gateway,
    '10.99.0.2/24',
    `'PublicKey = ${homeKey}' 'AllowedIPs = 10.99.0.1/32' 'Endpoint = ${home.address}:${tunnel.port}'`,
  );
  const login = {
    connection: { address: '10.99.0.1', proxyJump: [`root@${gateway.address}`] },
    hostKeys: [...home.hostKeys, ...gateway.hostKeys],
  };
  await logInAnew(home, login);
  const before = await stateOf(home);
  const down = () => unit({ name: 'wg-quick@wg0', state: 'stopped', enabled: false });
  const outcome = await runOn(home, down, { ...login, guardSeconds });
  await expectTakenBack(home, before, outcome, login);
}, 120_000);
