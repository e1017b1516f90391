/** The files of a new repository. What they show is explained in docs/playbooks.md. */

export interface TemplateOptions {
  /** Name of the folder, for the title and package.json. */
  readonly name: string;
  /** How package.json asks for labwright: a version range, or the folder of a checkout. */
  readonly dependency: string;
  /** Inventory in YAML instead of TypeScript. */
  readonly yaml: boolean;
}

/** Path inside the repository → content. */
export function repositoryFiles(options: TemplateOptions): Readonly<Record<string, string>> {
  return {
    'package.json': manifest(options),
    'tsconfig.json': tsconfig,
    '.gitignore': gitignore,
    'README.md': readme(options),
    ...(options.yaml ? { 'inventory/index.yml': yamlInventory } : { 'inventory/index.ts': inventory }),
    'playbooks/site.ts': playbook(options),
    'playbooks/rotate-keys.ts': procedure(options, {
      role: 'wireguard',
      does: 'New WireGuard keys where one is older than 30 days, without a packet lost.',
      call: "rotateKeys({ inventory, maxAge: '30d' })",
    }),
    'playbooks/upgrade.ts': procedure(options, {
      role: 'upgrade',
      does: 'Packages upgraded and hosts rebooted when that is due, one host after the other.',
      call: "upgrade({ inventory, reboot: 'when-required' })",
    }),
    'roles/motd/role.ts': role,
  };
}

/** Lines that a `.gitignore` needs: dependencies, what lab keeps on this machine, and the configurations of devices. */
export const ignored = ['node_modules/', '.lab/', '/*.conf'];
const gitignore = `${ignored.join('\n')}\n`;

function manifest({ name, dependency }: TemplateOptions): string {
  const value = {
    name:
      name
        .toLowerCase()
        .replaceAll(/[^a-z0-9._-]+/g, '-')
        .replace(/^[._-]+/, '') || 'homelab',
    private: true,
    type: 'module',
    scripts: { check: 'lab run site.ts --check --diff', site: 'lab run site.ts' },
    dependencies: { labwright: dependency },
    devDependencies: { '@types/node': '^20.19.0' },
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

const tsconfig = `{
  "compilerOptions": {
    "target": "es2023",
    "lib": ["es2023", "esnext.disposable"],
    "module": "nodenext",
    "moduleResolution": "nodenext",
    "types": ["node"],
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "allowImportingTsExtensions": true,
    "noEmit": true,
    "skipLibCheck": true
  },
  "include": ["inventory", "playbooks", "roles"]
}
`;

const inventory = `import { defineInventory } from 'labwright';

/** The homelab: every name declared here is known to the compiler and to your editor. */
export default defineInventory({
  ssh: { user: 'root' },
  networks: {
    public: { prefixes: '203.0.113.10/32', public: true }, // what the internet reaches: the address of vps
    home: { prefixes: '192.168.1.0/24' }, // what is behind your router
    vpn: { prefixes: '10.80.0.0/24', tunnel: true }, // the tunnel; 'auto' is the next free address in it
  },
  groups: { storage: { params: { motd: { purpose: 'keeps the photos' } } } },
  hosts: {
    vps: { addresses: { public: '203.0.113.10', vpn: 'auto' } },
    nas: { groups: ['storage'], addresses: { home: '192.168.1.10', vpn: 'auto' } },
  },
  // devices: { phone: { owner: 'ada', addresses: { vpn: 'auto' } } }, // then: npx lab device add phone
  // What may reach what. On hosts with the role firewall nothing else gets in.
  flows: [{ from: ['internet', 'home', 'vpn'], to: 'all', ports: 22, reason: 'administration, by key' }],
});
`;

const yamlInventory = `# yaml-language-server: $schema=../node_modules/labwright/schema/inventory.v1.json
ssh:
  user: root
networks:
  public: # what the internet reaches: the address of vps
    prefixes: 203.0.113.10/32
    public: true
  home: # what is behind your router
    prefixes: 192.168.1.0/24
  vpn: # the tunnel; "auto" is the next free address in it
    prefixes: 10.80.0.0/24
    tunnel: true
groups:
  storage:
    params:
      motd:
        purpose: keeps the photos
hosts:
  vps:
    addresses:
      public: 203.0.113.10
      vpn: auto
  nas:
    groups: [storage]
    addresses:
      home: 192.168.1.10
      vpn: auto
# devices: { phone: { owner: ada, addresses: { vpn: auto } } } # then: npx lab device add phone
# What may reach what. On hosts with the role firewall nothing else gets in.
flows:
  - from: [internet, home, vpn]
    to: all
    ports: 22
    reason: administration, by key
`;

const loadedInventory = "const inventory = await loadInventory('../inventory/index.yml');";

function playbook({ yaml }: TemplateOptions): string {
  const load = yaml ? 'definePlaybook, loadInventory' : 'definePlaybook';
  const imports = [
    `import { ${load} } from 'labwright';`,
    "import wireguard from 'labwright/roles/wireguard';",
    ...(yaml ? [] : ["import inventory from '../inventory/index.ts';"]),
    "// import firewall from 'labwright/roles/firewall';",
    "// import motd from '../roles/motd/role.ts';",
    ...(yaml ? ['', loadedInventory] : []),
  ];
  return `${imports.join('\n')}

export default definePlaybook({
  inventory,
  plays: [
    { name: 'private network', hosts: 'vpn', roles: [wireguard] },
    // Nothing gets in but what the flows of the inventory name:
    // { name: 'firewall', hosts: 'public', roles: [firewall] },
    // A role of your own:
    // { name: 'message of the day', hosts: 'storage', roles: [motd({ contact: 'ada@example.org' })] },
  ],
});
`;
}

interface ProcedureTemplate {
  /** Whose procedure it is. */
  readonly role: string;
  readonly does: string;
  readonly call: string;
}

function procedure({ yaml }: TemplateOptions, { role, does, call }: ProcedureTemplate): string {
  const imports = [
    ...(yaml ? ["import { loadInventory } from 'labwright';"] : []),
    `import { ${call.slice(0, call.indexOf('('))} } from 'labwright/roles/${role}';`,
    ...(yaml ? ['', loadedInventory] : ["import inventory from '../inventory/index.ts';"]),
  ];
  return `${imports.join('\n')}

/** ${does} */
export default ${call};
`;
}

const role = `import { defineRole, file, z } from 'labwright';

/** An example of a role of your own: what people see when they log in. */
export default defineRole({
  name: 'motd',
  description: 'A message of the day that says what the host is for',
  params: z.object({
    purpose: z.string().default('part of the homelab'),
    contact: z.email().optional(),
  }),
  resources: ({ host, params }) => [
    file({
      path: '/etc/motd',
      content: [
        \`\${host.name}: \${params.purpose}\`,
        ...(params.contact === undefined ? [] : [\`Questions: \${params.contact}\`]),
        '',
      ].join('\\n'),
    }),
  ],
});
`;

function readme({ name, yaml }: TemplateOptions): string {
  const inventoryFile = yaml ? 'inventory/index.yml' : 'inventory/index.ts';
  return `# ${name}

The state of the hosts of this homelab, brought about by labwright (\`lab\`).

| File | Holds |
|---|---|
| \`${inventoryFile}\` | hosts, groups, devices, networks, services and flows |
| \`inventory/lab.lock.yml\` | SSH host keys seen, public keys and addresses of the tunnel; made at the first contact, commit it |
| \`playbooks/site.ts\` | which hosts get which roles |
| \`playbooks/rotate-keys.ts\` | new keys for the tunnel, when they are due |
| \`playbooks/upgrade.ts\` | packages upgraded and hosts rebooted, one after the other |
| \`roles/motd/role.ts\` | a role of your own, as an example |

\`\`\`sh
npm install                            # once
npx lab inventory                      # what is declared
npx lab doctor                         # can every host be reached and managed?
npx lab run site.ts --check --diff     # what would change
npx lab run site.ts                    # change it
npx lab status wireguard               # is the tunnel up?
\`\`\`
`;
}
