import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, lockFile, roleProject } from '../../support/lab-project.ts';
import { TunnelHosts } from '../../support/tunnel.ts';
import { webServer } from '../../support/web-server.ts';

// Two services whose TLS ends at home and one whose TLS ends at the gateway, on one address: what somebody outside gets from each while
// the gateway is changed, rebooted and taken back. The authority that signs is outside, and asks as it would be asked.

// Packages come from Debian's servers, and hosts boot.
vi.setConfig({ testTimeout: 120_000 });

const names = ['vps', 'nas', 'node'] as const;
const tunnelPackages = ['wireguard-tools', 'wireguard-go', 'iputils-ping'];
let tunnel: TunnelHosts<(typeof names)[number]>;
let outside: StartedHost;
let project: LabProject;
/** Of the gateway, and of who asks. */
const gateway6 = 'fd77::2';
const client = { '-4': '', '-6': 'fd77::200' };

const services = {
  cloud: `cloud: { host: 'nas', port: 8443, mode: 'tls-passthrough', public: 'cloud.example.test', gateways: 'vps' },`,
  mail: `mail: { host: 'nas', replicas: 'node', port: 8444, mode: 'tls-passthrough', proxyProtocol: true, public: ['mail.example.test', 'imap.example.test'], gateways: 'vps' },`,
  photos: `photos: { host: 'nas', port: 2342, public: 'photos.example.test', gateways: 'vps' },`,
};

function declare(more: string, { idle = '1h', state = 'present' } = {}): void {
  const { vps, nas, node } = tunnel.hosts;
  project.write(
    'inventory/index.ts',
    `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${vps.identityFile}' },
  params: { wireguard: { network: 'vpn' } },
  networks: {
    outside: { prefixes: ['172.16.0.0/12', 'fd77::/64'], public: true },
    vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
  },
  groups: { lab: {} },
  hosts: {
    vps: {
      groups: ['lab'],
      addresses: { outside: ['${vps.address}', '${gateway6}'], vpn: ['10.80.0.1', 'fd80::1'] },
      params: { 'vps-gateway': {
        state: '${state}', ban: null, passthrough: { idle: '${idle}' },
        acme: { directory: '${directory()}', root: 'files/root.pem' },
      } },
    },
    nas: { groups: ['lab'], address: '${nas.address}', addresses: { vpn: ['10.80.0.2', 'fd80::2'] } },
    node: { groups: ['lab'], address: '${node.address}', addresses: { vpn: ['10.80.0.3', 'fd80::3'] } },
  },
  services: { ${more} } as never,
  flows: [
    { from: 'internet', to: 'all', ports: 22, reason: 'administration' },
    { from: 'all', to: 'internet', ports: [80, 443, 9443], reason: 'updates, and the authority' },
    { from: 'all', to: 'internet', ports: 53, protocol: 'udp', reason: 'names' },
  ],
});
`,
  );
}

const directory = () => `https://${outside.address}:9443/acme/local/directory`;
const site = `import { definePlaybook } from 'labwright';
import firewall from 'labwright/roles/firewall';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'lab', roles: [wireguard, firewall, gateway] }] });
`;

const run = (...more: string[]) => project.lab(['run', 'site', '--output', 'plain', ...more]);
async function ok(...more: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(...more);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
}
const curl = (words: string) => outside.sh(`curl -sS --max-time 20 --cacert /root/all.pem ${words} 2>&1 || true`);
const copy = async (host: StartedHost, path: string, text: string) => {
  const { exitCode, stderr } = await host.exec(['sh', '-c', `cat >${path}`], text);
  if (exitCode !== 0) throw new Error(stderr);
};

/** The engine gives a network without IPv6 none, and loopback neither: other hosts have that before anything is loaded at boot. */
const withIpv6 = (host: StartedHost, address: string) =>
  host.sh(`mkdir -p /etc/systemd/system/lab-gateway.service.d
    printf '[Unit]\\nAfter=systemd-sysctl.service\\n' >/etc/systemd/system/lab-gateway.service.d/test.conf; systemctl daemon-reload
    printf 'net.ipv6.conf.lo.disable_ipv6=0\\nnet.ipv6.conf.eth0.disable_ipv6=0\\n' >/etc/sysctl.d/99-test.conf; sysctl -qp /etc/sysctl.d/99-test.conf
    ip -6 address add ${address}/64 dev eth0 nodad`);

/** nginx with a certificate of its own, which takes connections with the client's address in front alone. */
async function serveMail(host: StartedHost, name: string, pair: { key: string; certificate: string }): Promise<void> {
  await copy(host, '/root/mail.key', pair.key);
  await copy(host, '/root/mail.pem', pair.certificate);
  await copy(
    host,
    '/etc/nginx/sites-enabled/default',
    `server { listen [::]:8444 ssl proxy_protocol ipv6only=off; ssl_certificate /root/mail.pem; ssl_certificate_key /root/mail.key;
      location / { return 200 "${name} was asked by $proxy_protocol_addr for $ssl_server_name\\n"; } }\n`,
  );
  await host.sh('systemctl restart nginx');
}

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names, (name) => ({
    packages: [...tunnelPackages, 'caddy', 'curl', 'openssl', ...(name === 'vps' ? [] : ['nginx-light'])],
  }));
  outside = await startHost({
    packages: [...tunnelPackages, 'caddy', 'curl', 'openssl'],
    network: tunnel.beside(200),
  });
  client['-4'] = outside.address;
  const { vps, nas, node } = tunnel.hosts;
  await withIpv6(vps, gateway6);
  await withIpv6(outside, client['-6']);
  const lines = ['photos', 'cloud', 'mail', 'imap'].flatMap((name) =>
    [vps.address, gateway6].map((address) => `${address} ${name}.example.test`),
  );
  await outside.sh(`cat >>/etc/hosts <<'END'\n${lines.join('\n')}\nEND`);
  // An authority.
  await copy(outside, '/etc/caddy/Caddyfile', `https://${outside.address}:9443 {\n tls internal\n acme_server\n}\n`);
  const root = await outside.sh(
    'systemctl restart caddy; file=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt; until [ -s $file ]; do sleep 0.2; done; cat $file',
  );
  const [key = '', certificate = ''] = (
    await outside.sh(
      `cd /root; openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=mail -addext subjectAltName=DNS:mail.example.test,DNS:imap.example.test -days 3 2>/dev/null; cat k; echo ====; cat c; rm k`,
    )
  ).split('====\n');
  await copy(outside, '/root/all.pem', root + certificate);
  await serveMail(nas, 'nas', { key, certificate });
  await serveMail(node, 'node', { key, certificate });
  // Its own Caddy at home has its certificate by TLS-ALPN (RFC 8737), over which nothing but TLS is asked.
  await copy(nas, '/etc/caddy/root.pem', root);
  await copy(
    nas,
    '/etc/caddy/Caddyfile',
    `{\n https_port 8443\n http_port 8080\n}\ncloud.example.test {\n tls {\n  issuer acme {\n   dir ${directory()}\n   trusted_roots /etc/caddy/root.pem\n   disable_http_challenge\n  }\n }\n respond "cloud was asked by {remote_host}"\n}\n`,
  );
  await copy(nas, '/root/web.pl', webServer);
  project = roleProject({
    'playbooks/site.ts': site,
    'files/root.pem': root,
    'inventory/lab.lock.yml': lockFile({ vps, nas, node }),
  });
  declare(Object.values(services).join('\n'));
}, 300_000);
afterAll(async () => {
  project?.remove();
  await outside?.remove();
  await tunnel?.remove();
});

it('is made from the model alone, and then nothing is left to do', async () => {
  await ok();
  // Both want an address of IPv6, which came with the tunnel; and the authority was not to be reached before.
  await tunnel.hosts.nas.sh('systemctl restart caddy; systemd-run -q --unit=photos perl /root/web.pl 2342');
  const second = await ok();
  expect(second).toContain('3 hosts as declared, 0 changed');
  expect(second.match(/1 round trip,/g)).toHaveLength(3);
});

const about = (name: string, family: '-4' | '-6') => curl(`${family} https://${name}.example.test/`);

describe.each(['-4', '-6'] as const)('asked by name over %s', (family) => {
  it('gives each service its own connections, and the certificate that it has', async () => {
    // The authority has reached the service at home, and the gateway, over the same port.
    await expect.poll(() => about('cloud', family), { timeout: 60_000 }).toBe('cloud was asked by 10.80.0.1');
    await expect
      .poll(() => about('photos', family), { timeout: 60_000 })
      .toContain(`X-Forwarded-For: ${client[family]}`);
    for (const name of ['mail', 'imap'])
      expect(await about(name, family)).toMatch(
        new RegExp(`^(nas|node) was asked by ${client[family]} for ${name}.example.test\n$`),
      );
  });

  it('is Caddy, for any other name and for none', async () => {
    const host = family === '-4' ? tunnel.hosts.vps.address : `[${gateway6}]`;
    expect(await curl(`-k https://${host}/`)).toMatch(/alert internal error/);
    expect(await curl(`-k --connect-to ::${host}: https://other.example.test/`)).toMatch(/alert internal error/);
    expect(await curl(`http://${host}:443/`)).toMatch(/HTTP request to an HTTPS server/);
  });
});

it('sends who comes by HTTP to HTTPS', async () => {
  const answer = (url: string) => curl(`-o /dev/null -w '%{http_code} %{redirect_url}' ${url}`);
  expect(await answer('http://imap.example.test/a?b')).toBe('308 https://imap.example.test/a?b');
  expect(await answer(`http://${tunnel.hosts.vps.address}/`)).toBe('404 ');
});

it('leaves the key at home, and the home closed', async () => {
  const { vps, nas } = tunnel.hosts;
  for (const path of ['/root/mail.key', '/var/lib/caddy/.local/share/caddy/certificates/*/cloud*/*.key']) {
    const line = (await nas.sh(`sed -n 2p ${path}`)).trim();
    expect(line).toMatch(/^[A-Za-z0-9+/=]{20,}$/);
    const grep = (where: StartedHost) =>
      where.exec([
        'sh',
        '-c',
        `grep -rlF --devices=skip --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev -- '${line}' / 2>/dev/null`,
      ]);
    expect((await grep(vps)).stdout).toBe('');
    expect((await grep(nas)).stdout).not.toBe('');
  }
  for (const port of [8443, 8444])
    expect(await curl(`-k --connect-timeout 3 https://${nas.address}:${port}/`)).toMatch(/timed out|refused|Timeout/i);
});

it('takes another replica when one is down, and the first again', async () => {
  const { nas } = tunnel.hosts;
  const asked = () => curl('"https://mail.example.test/?[1-12]"');
  await nas.sh('systemctl stop nginx');
  expect((await asked()).match(/^node was asked/gm)).toHaveLength(12);
  await nas.sh('systemctl start nginx');
  await expect.poll(asked).toMatch(/^nas was asked/m);
});

/** Asks again and again, each time over a new connection, until it is ended; then gives what came out, counted. */
async function stream(...urls: string[]): Promise<{ end(): Promise<string> }> {
  await outside.sh('rm -f /root/stop /root/codes');
  const words = urls.map((url) => `-o /dev/null ${url}`).join(' ');
  await outside.sh(
    `setsid sh -c 'cd /root; while [ ! -e stop ]; do for family in -4 -6; do curl -s $family --max-time 20 --cacert all.pem -H "Connection: close" -w "%{http_code} %{exitcode}\\n" ${words}; done; done >codes; mv codes counted' >/dev/null 2>&1 </dev/null &`,
  );
  await expect.poll(() => outside.sh('wc -l </root/codes')).not.toBe('0\n');
  return {
    end: async () => {
      await outside.sh('touch /root/stop; until [ -e /root/counted ]; do sleep 0.1; done');
      return await outside.sh('cd /root; sort counted | uniq -c; rm counted');
    },
  };
}

/** A connection that says something at the end alone. */
async function longLived(name: string): Promise<{ end(): Promise<string> }> {
  await outside.sh(
    `rm -f /root/go; setsid sh -c 'cd /root; { until [ -e go ]; do sleep 0.2; done; printf "GET / HTTP/1.0\\r\\nHost: ${name}\\r\\n\\r\\n"; sleep 2; } | openssl s_client -quiet -CAfile all.pem -verify_return_error -servername ${name} -connect ${name}:443 >said 2>&1; mv said done' >/dev/null 2>&1 </dev/null &`,
  );
  await expect.poll(() => outside.sh('cat /root/said')).toContain('verify return:1');
  return {
    end: async () => {
      await outside.sh('touch /root/go; until [ -e /root/done ]; do sleep 0.2; done');
      return await outside.sh('cat /root/done; rm /root/done');
    },
  };
}

const everything = Object.values(services).join('\n');
const more = `wiki: { host: 'node', port: 8444, mode: 'tls-passthrough', proxyProtocol: true, public: 'wiki.example.test', gateways: 'vps' },`;

it('loses no connection while it is changed', async () => {
  const [kept, steady] = [
    await longLived('mail.example.test'),
    await stream('https://cloud.example.test/', 'https://photos.example.test/'),
  ];
  declare(everything + more);
  await ok();
  declare(everything);
  await ok();
  expect(await kept.end()).toMatch(/was asked by .* for mail.example.test/);
  const codes = (await steady.end()).trim();
  expect(codes).toMatch(/^\d+ 200 0$/);
  expect(Number.parseInt(codes, 10)).toBeGreaterThan(20);
});

/** What of the gateway could be left over, or missing. */
const traces = () =>
  tunnel.hosts.vps.sh(
    'sha256sum /etc/haproxy/lab-passthrough.cfg /etc/lab/gateway.nft /etc/caddy/Caddyfile; systemctl is-active lab-passthrough caddy; ss -Hlnt sport = :7443; nft list table inet lab_gateway; for f in -4 -6; do ip $f rule; ip $f route show table 77; done; true',
  );

it('refuses what HAProxy does not take, and nothing is changed', async () => {
  const before = await traces();
  // More milliseconds than it can count.
  declare(everything, { idle: '99999d' });
  const { exitCode, stdout, stderr } = await run();
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 1 });
  expect(await traces()).toBe(before);
  declare(everything);
  expect(await ok()).toContain('0 changed');
});

async function worksAsBefore(): Promise<void> {
  for (const family of ['-4', '-6'] as const) {
    await expect.poll(() => about('cloud', family)).toMatch(/^cloud was asked by/);
    await expect.poll(() => about('imap', family)).toContain(`was asked by ${client[family]} for imap`);
    await expect.poll(() => about('photos', family)).toContain(`X-Forwarded-For: ${client[family]}`);
  }
}

it('goes when the last such service goes, and comes back with a rollback', async () => {
  const before = await traces();
  const steady = await stream('https://photos.example.test/');
  declare(services.photos);
  await ok();
  expect(await steady.end()).toMatch(/^ *\d+ 200 0\n$/);
  expect(await about('cloud', '-4')).toMatch(/alert internal error/);
  const rest = await traces();
  expect(rest).not.toMatch(/7443|lab_gateway|gateway.nft|passthrough|lookup 77|local default/);
  expect(rest).toContain('inactive\nactive\n');
  expect(await ok()).toContain('0 changed');
  // The firewall at home has shut the ports of what was no service any more.
  for (const words of [['vps-gateway', '--limit', 'vps'], ['firewall']]) {
    const { exitCode, stdout, stderr } = await project.lab(['rollback', ...words, '--output', 'plain']);
    expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  }
  expect(await traces()).toBe(before);
  await worksAsBefore();
  declare(everything);
  expect(await ok()).toContain('0 changed');
});

it('is there after a reboot', async () => {
  await tunnel.up('vps');
  await withIpv6(tunnel.hosts.vps, gateway6);
  // Who has nothing to send notices late that the gateway has forgotten it.
  await Promise.all([tunnel.reaches('nas', 'vps'), tunnel.reaches('node', 'vps')]);
  await worksAsBefore();
  expect(await ok()).toContain('0 changed');
});

it('refuses other names where no TLS ends', async () => {
  declare(services.cloud + services.mail);
  await ok();
  await tunnel.hosts.vps.sh('systemctl stop caddy');
  expect(await about('cloud', '-4')).toMatch(/^cloud was asked by/);
  expect(await about('photos', '-4')).toMatch(/reset|SSL_ERROR_SYSCALL|unexpected eof/i);
  expect(await ok()).toContain('0 changed');
});

it('is stopped with state "absent"', async () => {
  declare(everything, { state: 'absent' });
  await ok();
  expect(await traces()).not.toMatch(/7443|lab_gateway|^active|lookup 77/m);
  expect(await ok()).toContain('0 changed');
});
