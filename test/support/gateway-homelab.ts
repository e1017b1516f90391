import { inside } from './inside.ts';
import { type LabOutcome, type LabProject, labProject } from './lab-project.ts';
import { ownSandboxName } from './sweep.ts';
import { webServer } from './web-server.ts';

const sandbox = ownSandboxName();
const vps = '10.71.0.10';

const inventory = (more: string) => `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '.lab/sandbox-${sandbox}/id_ed25519' },
  params: {
    // All strangers of this test have one address.
    firewall: { connectionRate: null },
    dns: { resolvers: ['nas'], upstreams: [{ address: '10.71.0.50', name: 'resolver.test', tls: false }] },
    'vps-gateway': {
      acme: { directory: 'https://10.71.0.50:9443/acme/local/directory', root: '.lab/sandbox-${sandbox}/authority.pem', wildcards: ['example.test'] },
    },
  },
  networks: {
    public: { prefixes: '10.71.0.0/24', public: true },
    home: { prefixes: '10.71.1.0/24' },
    vpn: { prefixes: ['10.83.0.0/24', 'fd83::/64'], tunnel: true },
  },
  hosts: {
    vps: {
      addresses: { public: '${vps}', vpn: ['10.83.0.1', 'fd83::1'] },
      params: { dns: { zones: { 'example.test': { provider: { type: 'authoritative' } } } } },
    },
    nas: {
      addresses: { home: '10.71.1.10', vpn: ['10.83.0.10', 'fd83::10'] },
      params: { firewall: { internet: 'tunnel' } },
    },
  },
  services: {
    photos: { host: 'nas', port: 2342, public: 'photos.example.test' },
    files: { host: 'nas', port: 2343, public: 'files.example.test' },
    ${more}
  },
  flows: [
    { from: 'internet', to: 'vps', ports: 22, reason: 'administration' },
    { from: 'home', to: 'nas', ports: 22, reason: 'administration at home' },
    { from: 'home', to: 'files', reason: 'the household' },
    { from: 'nas', to: 'internet', ports: 53, protocol: 'udp', reason: 'names' },
    { from: 'nas', to: 'internet', ports: 53, reason: 'names' },
  ],
});
`;
const site = `import { definePlaybook, file, packages, unit } from 'labwright';
import base from 'labwright/roles/base';
import dns from 'labwright/roles/dns';
import firewall from 'labwright/roles/firewall';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
const answers = file({ path: '/etc/caddy/Caddyfile', content: '{\\n auto_https off\\n}\\nhttp://:2342 {\\n respond hello\\n}\\n' });
export default definePlaybook({ inventory, plays: [
  { name: 'all', hosts: 'all', roles: [base, wireguard, dns, gateway] },
  { name: 'service', hosts: 'nas', resources: () => [
    packages({ names: ['caddy'], recommends: false }), answers, unit({ name: 'caddy', state: 'running', enabled: true }, { reloadOn: [answers] }),
  ] },
  // Last: what comes after it goes through the tunnel alone.
  { name: 'firewall', hosts: 'all', roles: [firewall] },
] });
`;

/**
 * A homelab on the sandbox: a gateway that answers for its own domain, a server at home behind it whose internet is the tunnel, and
 * a stranger (`internet`). `photos.example.test` is a small answer of Caddy, `files.example.test` takes and gives bodies of any size.
 */
export class GatewayHomelab implements AsyncDisposable {
  readonly vps = vps;
  readonly #project: LabProject;

  private constructor(project: LabProject) {
    this.#project = project;
  }

  /** Up, as declared, and with certificates: some two minutes. */
  static async start(): Promise<GatewayHomelab> {
    const lab = new GatewayHomelab(labProject({ 'inventory/index.ts': inventory(''), 'playbooks/site.ts': site }));
    try {
      await lab.succeeds('sandbox', 'up', '--name', sandbox);
      await lab.succeeds('run', 'site.ts', '--accept-new-host-keys', '--output', 'plain');
      const program = Buffer.from(webServer).toString('base64');
      await lab.inside(
        'nas',
        `echo ${program} | base64 -d >/root/web.pl; setsid perl /root/web.pl 2343 >/dev/null 2>&1 </dev/null & sleep 1`,
      );
      await lab.inside(
        'internet',
        'for name in photos files; do timeout 120 sh -c "until curl -sS -o /dev/null https://$name.example.test/; do sleep 1; done"; done',
      );
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** More services, as entries of the inventory. */
  declare(services: string): void {
    this.#project.write('inventory/index.ts', inventory(services));
  }

  async lab(...argv: string[]): Promise<LabOutcome> {
    return await this.#project.lab(argv);
  }

  /** What it printed; throws when it did not succeed. */
  async succeeds(...argv: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#project.lab(argv);
    if (exitCode !== 0) throw new Error(`lab ${argv.join(' ')}: exit code ${exitCode}\n${stdout}${stderr}`);
    return stdout;
  }

  /** @param machine a host, `internet` or `router` */
  async inside(machine: string, command: string): Promise<string> {
    return inside(`${sandbox}-${machine}`, command, 600_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#project.lab(['sandbox', 'down', '--name', sandbox]);
    this.#project.remove();
  }
}
