import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ownSandboxName } from './sweep.ts';

const run = promisify(execFile);

/** Of a homelab of six hosts on the sandbox: two servers at providers, of which one is the gateway, and four machines at home. */
export const sixHosts = ['vps', 'backup', 'nas', 'node1', 'node2', 'media'] as const;

/** What strangers ask the gateway for, and what only the household and the tunnel do. */
export const publicNames = ['photos.example.test', 'wiki.example.test'] as const;
export const privateNames = ['photos.home.arpa', 'media.home.arpa'] as const;

export const addresses = {
  vps: { outside: '10.70.0.10', vpn: '10.90.0.1' },
  backup: { outside: '10.70.0.20', vpn: '10.90.0.2' },
  nas: { home: '10.70.1.10', vpn: '10.90.0.10' },
  node1: { home: '10.70.1.11', vpn: '10.90.0.11' },
  node2: { home: '10.70.1.12', vpn: '10.90.0.12' },
  media: { home: '10.70.1.13', vpn: '10.90.0.13' },
} as const;

/** The stranger, who is the authority and the internet's resolver as well. */
export const internet = '10.70.0.50';

/**
 * @param level of the role base
 * @returns path → text: a repository whose `lab run site.ts` makes six bare hosts a homelab
 */
export function sixHostsFiles(
  level: 'none' | 'standard' | 'strict',
  sandbox = ownSandboxName(),
): Record<string, string> {
  const { vps, backup, nas, node1, node2, media } = addresses;
  const at = `.lab/sandbox-${sandbox}`;
  return {
    'inventory/index.ts': `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${at}/id_ed25519' },
  params: {
    base: { hardening: { level: '${level}' } },
    dns: { resolvers: ['nas', 'node1'], upstreams: [{ address: '${internet}', name: 'resolver.test', tls: false }] },
    'vps-gateway': { acme: { directory: 'https://${internet}:9443/acme/local/directory', root: '${at}/authority.pem' } },
  },
  networks: {
    outside: { prefixes: '10.70.0.0/24', public: true },
    home: { prefixes: '10.70.1.0/24' },
    vpn: { prefixes: ['10.90.0.0/24', 'fd90::/64'], tunnel: true },
  },
  groups: { indoors: {} },
  hosts: {
    vps: {
      addresses: { outside: '${vps.outside}', vpn: ['${vps.vpn}', 'fd90::1'] },
      params: { dns: { zones: { 'example.test': { provider: { type: 'authoritative' } } } } },
    },
    backup: { addresses: { outside: '${backup.outside}', vpn: ['${backup.vpn}', 'fd90::2'] } },
    nas: {
      groups: ['indoors'],
      addresses: { home: '${nas.home}', vpn: ['${nas.vpn}', 'fd90::10'] },
      params: { firewall: { internet: 'tunnel' } },
    },
    node1: {
      groups: ['indoors'],
      addresses: { home: '${node1.home}', vpn: ['${node1.vpn}', 'fd90::11'] },
      params: { firewall: { internet: 'tunnel' } },
    },
    node2: { groups: ['indoors'], addresses: { home: '${node2.home}', vpn: ['${node2.vpn}', 'fd90::12'] } },
    media: { groups: ['indoors'], addresses: { home: '${media.home}', vpn: ['${media.vpn}', 'fd90::13'] } },
  },
  devices: { phone: { owner: 'ada', addresses: { vpn: 'auto' } } },
  services: {
    photos: { host: 'nas', port: 2342, public: '${publicNames[0]}', private: '${privateNames[0]}', gateways: 'vps' },
    wiki: { host: 'node1', port: 3000, public: '${publicNames[1]}', gateways: 'vps' },
    films: { host: 'media', port: 8096, private: '${privateNames[1]}' },
    metrics: { host: 'node2', port: 9090 },
    archive: { host: 'backup', port: 8022 },
  },
  flows: [
    { from: 'internet', to: ['vps', 'backup'], ports: 22, reason: 'administration from anywhere, by key' },
    { from: 'home', to: 'indoors', ports: 22, reason: 'administration at home' },
    { from: 'internet', to: ['photos', 'wiki'], reason: 'friends' },
    { from: ['phone', 'home'], to: ['photos', 'films', 'wiki'], reason: 'the household' },
    { from: 'nas', to: 'archive', reason: 'copies of what must not be lost, elsewhere' },
    { from: 'metrics', to: 'all', ports: 9100, reason: 'every host is measured' },
    { from: 'all', to: 'internet', ports: [80, 443], reason: 'updates' },
    { from: 'all', to: 'internet', ports: [53, 123], protocol: 'udp', reason: 'names and time' },
  ],
});
`,
    'playbooks/site.ts': `import { definePlaybook, directory, file, packages, type ResourceTree, unit, unitFile } from 'labwright';
import base from 'labwright/roles/base';
import dns from 'labwright/roles/dns';
import firewall from 'labwright/roles/firewall';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';

/** A page on a port. */
function page(name: string, port: number): ResourceTree {
  const service = unitFile({
    name: \`\${name}.service\`,
    sections: {
      Unit: { Description: name },
      Service: {
        ExecStart: \`/usr/bin/busybox httpd -f -p \${port} -h /srv/\${name}\`,
        DynamicUser: true,
        ProtectHome: true,
        PrivateDevices: true,
        CapabilityBoundingSet: '',
        Restart: 'on-failure',
      },
      Install: { WantedBy: 'multi-user.target' },
    },
  });
  return [
    packages({ names: ['busybox'] }),
    directory({ path: \`/srv/\${name}\` }),
    file({ path: \`/srv/\${name}/index.html\`, content: \`<!doctype html>\\n<title>\${name}</title>\\n\` }),
    service,
    unit({ name: \`\${name}.service\`, state: 'running', enabled: true }, { restartOn: [service] }),
  ];
}

export default definePlaybook({
  inventory,
  plays: [
    { name: 'every host', hosts: 'all', roles: [base, wireguard] },
    {
      name: 'services',
      hosts: 'all',
      resources: ({ host }) =>
        [...inventory.services.values()].filter((service) => service.host === host.name).map(({ name, port }) => page(name, port)),
    },
    { name: 'names', hosts: 'all', roles: [dns] },
    { name: 'the way in', hosts: 'all', roles: [gateway] },
    { name: 'firewall', hosts: 'all', roles: [firewall] },
  ],
});
`,
  };
}

/** Asks until the answer is right: a certificate and a first packet of a link take a moment. */
const patience = 60;

/**
 * What of the homelab is not as it should be, as people would look: with curl, ping, wg, getent, nmap and sshd, from outside and
 * from inside, denials included. It does not matter who made it.
 *
 * @returns a sentence for each; none when all is well
 */
export async function homelabProblems(sandbox = ownSandboxName()): Promise<string[]> {
  const on = async (machine: string, command: string): Promise<string> => {
    const argv = ['exec', `${sandbox}-${machine}`, 'sh', '-c', command];
    return await run('docker', argv, { timeout: 300_000 }).then(
      ({ stdout }) => stdout.trim(),
      (error: Error & { stdout?: string }) => `${error.stdout ?? ''}${error.message}`,
    );
  };
  const problems: string[] = [];
  const expect = (what: string, found: string, wanted: string | RegExp) => {
    if (typeof wanted === 'string' ? found !== wanted : !wanted.test(found))
      problems.push(`${what}: ${found || 'nothing'}`);
  };
  const page = (url: string) => `curl -sS --max-time 5 ${url}`;
  const until = (command: string) =>
    `tries=0; until ${command}; do tries=$((tries + 1)); [ $tries -lt ${patience} ] || exit 1; sleep 1; done`;
  for (const [title, name] of [
    ['photos', publicNames[0]],
    ['wiki', publicNames[1]],
  ])
    expect(
      `strangers at ${name}`,
      await on('internet', until(page(`https://${name}/`))),
      new RegExp(`<title>${title}<`),
    );
  for (const name of sixHosts) {
    const { vpn } = addresses[name];
    if (name !== 'vps') expect(`${name} by the tunnel`, await on('vps', until(`ping -c 1 -W 1 ${vpn} >/dev/null`)), '');
    expect(`handshakes of ${name}`, await on(name, 'wg show all latest-handshakes'), /\t[1-9]\d+$/m);
    expect(
      `passwords of root on ${name}`,
      await on(name, 'sshd -T | grep ^permitrootlogin'),
      'permitrootlogin without-password',
    );
  }
  const inside = /^10\.(70\.1|90\.0)\.13 /;
  for (const name of ['nas', 'node2', 'backup'] as const)
    expect(`${privateNames[1]} on ${name}`, await on(name, `getent ahostsv4 ${privateNames[1]}`), inside);
  expect('films at home', await on('node2', page(`http://${addresses.media.home}:8096/`)), /<title>films</);
  expect('copies of nas', await on('nas', page(`http://${addresses.backup.vpn}:8022/`)), /<title>archive</);
  for (const [who, url] of [
    ['media', `http://${addresses.backup.vpn}:8022/`],
    ['vps', `http://${addresses.media.vpn}:8096/`],
    ['internet', `http://${addresses.nas.home}:2342/`],
  ] as const)
    expect(`${url} denied to ${who}`, await on(who, page(url)), /curl: \((7|28)\)/);
  const ports = (address: string) =>
    `nmap -Pn -n -oG - -p 22,53,80,443,2342,3000,8022,8096,9090 ${address} | grep -o '[0-9]*/open/tcp' || :`;
  const open = (...numbers: number[]) => numbers.map((port) => `${port}/open/tcp`).join('\n');
  expect('open on vps', await on('internet', ports(addresses.vps.outside)), open(22, 53, 80, 443));
  expect('open on backup', await on('internet', ports(addresses.backup.outside)), open(22));
  return problems;
}
