import { afterAll, beforeAll, expect, it } from 'vitest';
import firewall from '../../../roles/firewall/role.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

const names = ['gateway', 'nas'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;
const use = firewall();

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names, () => ({
    packages: ['wireguard-tools', 'wireguard-go', 'iputils-ping', 'nftables', 'netcat-openbsd'],
  }));
  tunnel.more = {
    flows: [
      { from: 'internet', to: 'gateway', ports: 22, reason: 'administration' },
      { from: 'internet', to: 'gateway', ports: 8080, reason: 'a page' },
    ],
  };
});
afterAll(() => tunnel?.remove());

const answers = (port: number) =>
  tunnel.hosts.nas.sh(`nc -z -w 2 ${tunnel.hosts.gateway.address} ${port} && echo open || echo shut`);

it('lets in what a flow names, and nothing else', async () => {
  await tunnel.hosts.gateway.sh('systemd-run -q nc -lk 8080; systemd-run -q nc -lk 8081; sleep 1');
  expect(await answers(8081)).toBe('open\n');
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['changed']);
  expect([await answers(22), await answers(8080), await answers(8081)]).toEqual(['open\n', 'open\n', 'shut\n']);
});

it('changes nothing the second time, in one round trip', async () => {
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  expect(finished.map(({ status, roundTrips }) => [status, roundTrips])).toEqual([['ok', 1]]);
});

it('notices rules that somebody else changed, and brings them back', async () => {
  await tunnel.hosts.gateway.sh('nft insert rule inet lab input tcp dport 8081 accept');
  expect(await answers(8081)).toBe('open\n');
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  expect(finished.map(({ status }) => status)).toEqual(['changed']);
  expect(await answers(8081)).toBe('shut\n');
});

it('leaves the tables of others alone', async () => {
  await tunnel.hosts.gateway.sh('nft add table inet theirs; nft add chain inet theirs c');
  await tunnel.hosts.gateway.sh('nft delete table inet lab');
  await tunnel.apply({ use, only: ['gateway'] });
  expect(await tunnel.hosts.gateway.sh('nft list tables inet')).toContain('table inet theirs');
  expect(await answers(8081)).toBe('shut\n');
});

it('refuses rules that would not let in the login in use', async () => {
  const { more } = tunnel;
  tunnel.more = { flows: [{ from: 'internet', to: 'gateway', ports: 8080, reason: 'a page' }] };
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  tunnel.more = more;
  expect(finished.map(({ failure }) => failure?.message)).toEqual([
    'these rules would not let in the connection that lab itself is using',
  ]);
  expect(await answers(22)).toBe('open\n');
});

it('is taken away with state "absent"', async () => {
  const { finished } = await tunnel.apply({ use: firewall({ state: 'absent' }), only: ['gateway'] });
  expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['changed']);
  expect(await tunnel.hosts.gateway.sh('nft list tables inet')).not.toContain('lab');
  expect(await answers(8081)).toBe('open\n');
});
