import type { StartedHost } from './host.ts';
import { type LabProject, lockFile, roleProject } from './lab-project.ts';

/** Parts of a project that publishes the zone `example.dev` from the host `vps`. */

/** In the parameters of a zone: records of every type that can be declared. */
export const everyType = `apex: true, wildcard: true, records: [
  { name: '@', type: 'MX', value: '10 mail.example.dev.' },
  { name: '@', type: 'CAA', value: '0 issue "letsencrypt.org"' },
  { name: '@', type: 'CAA', value: '0 issuewild ";"' },
  { name: '_sip._tcp', type: 'SRV', value: '0 5 5060 photos' },
  { name: 'www', type: 'CNAME', value: 'photos' },
  { name: 'lab', type: 'NS', value: 'ns.elsewhere.example.' },
  { name: 'long', type: 'TXT', value: 'v=DKIM1; p=' + 'x'.repeat(300) + ' "quoted" back\\\\slash ä' },
]`;

export const playbook = `import { definePlaybook } from 'labwright';
import dns from 'labwright/roles/dns';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'names', hosts: 'vps', roles: [dns] }] });
`;

export interface Declared {
  readonly provider: string;
  readonly zone?: string;
  readonly services?: Readonly<Record<string, string>>;
}

/** An inventory with the gateway vps and the service of each public name. */
export function inventoryOf(
  vps: StartedHost,
  { provider, zone = '', services = { photos: 'photos.example.dev' } }: Declared,
): string {
  const entries = Object.entries(services).map(
    ([name, at]) => `    ${name}: { host: 'nas', port: 80, public: '${at}', gateways: 'vps' },`,
  );
  return `import { defineInventory, secret } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${vps.identityFile}' },
  networks: { public: { prefixes: ['203.0.113.0/24', '2001:db8::/64'], public: true }, home: { prefixes: '10.77.1.0/24' } },
  hosts: {
    vps: {
      address: '${vps.address}',
      addresses: { public: ['203.0.113.7', '2001:db8::7'] },
      params: { dns: { zones: { 'example.dev': { provider: ${provider}, ${zone} } } } },
    },
    nas: { addresses: { home: '10.77.1.10' } },
  },
  services: {
${entries.join('\n')}
  },
});
`;
}

export function projectWith(vps: StartedHost, declared: Declared): LabProject {
  return roleProject({
    'inventory/index.ts': inventoryOf(vps, declared),
    'inventory/lab.lock.yml': lockFile({ vps }),
    'playbooks/site.ts': playbook,
  });
}
