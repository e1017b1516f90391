import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';
import { type NameServer, startBind, startKnot } from '../../support/name-server.ts';

// A host that publishes, and real servers that take updates; what they say is asked from outside.

let vps: StartedHost;
beforeAll(async () => {
  vps = await startHost();
}, 240_000);
afterAll(() => vps?.remove());

const playbook = `import { definePlaybook } from 'labwright';
import dns from 'labwright/roles/dns';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'names', hosts: 'vps', roles: [dns] }] });
`;

interface Declared {
  readonly provider: string;
  readonly zone?: string;
  readonly services?: Readonly<Record<string, string>>;
}

/** An inventory with the gateway vps and the service of each public name. */
function inventory({ provider, zone = '', services = { photos: 'photos.example.dev' } }: Declared): string {
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

function projectWith(declared: Declared): LabProject {
  return labProject({
    'inventory/index.ts': inventory(declared),
    'inventory/lab.lock.yml': lockFile({ vps }),
    'playbooks/site.ts': playbook,
  });
}

describe.each([
  ['BIND', startBind],
  ['Knot', startKnot],
])('by RFC 2136, with %s', (_, start) => {
  let server: NameServer;
  let project: LabProject;
  const provider = () =>
    `{ type: 'rfc2136', server: '${server.address}', key: { name: 'lab', secret: secret.fromEnvironment('TSIG') } }`;
  const lab = (...argv: string[]) => project.lab(argv, { env: { TSIG: server.secret } });
  const run = (...more: string[]) => lab('run', 'site', '--limit', 'vps', '--output', 'plain', ...more);
  const declare = (declared: Omit<Declared, 'provider'>) =>
    project.write('inventory/index.ts', inventory({ provider: provider(), ...declared }));
  beforeAll(async () => {
    server = await start();
    project = projectWith({ provider: provider() });
  }, 240_000);
  afterAll(async () => {
    project?.remove();
    await server?.[Symbol.asyncDispose]();
  });

  it('publishes the addresses of the gateway for a service, and changes nothing the second time', async () => {
    const first = await run('--check', '--diff');
    console.log(first.stdout, first.stderr);
    const { exitCode, stdout, stderr } = await run();
    console.log(stdout, stderr);
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(await server.records('photos.example.dev', 'A')).toEqual(['203.0.113.7']);
    expect(await server.records('photos.example.dev', 'AAAA')).toEqual(['2001:db8::7']);
    const second = await run();
    console.log(second.stdout, second.stderr);
    expect(second.stdout).toMatch(/0 changed|1 round trip/);
  });
});
