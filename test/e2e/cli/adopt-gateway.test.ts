import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, lockFile, roleProject } from '../../support/lab-project.ts';

// A host whose rules ufw holds, and one whose sites Caddy serves, both set up by hand.

let vps: StartedHost;
let web: StartedHost;
let project: LabProject;

const caddyfile = `{
	email ada@example.dev
}

photos.example.dev, pictures.example.dev {
	encode gzip
	header X-Robots-Tag noindex
	reverse_proxy 10.80.0.10:2342
}

cloud.example.dev {
	request_body {
		max_size 50MB
	}
	handle /api/* {
		reverse_proxy localhost:9000
	}
	handle {
		reverse_proxy https://10.80.0.10:8443 {
			transport http {
				tls_insecure_skip_verify
			}
		}
	}
}

old.example.dev {
	redir https://photos.example.dev{uri}
}

wiki.example.dev {
	basicauth {
		ada $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
	}
	reverse_proxy 10.80.0.10:3000
}

inside.example.dev {
	tls internal
	root * /srv
	file_server
}
`;

beforeAll(async () => {
  // Images that other tests have as well.
  [vps, web] = await Promise.all([
    startHost({
      packages: ['wireguard-tools', 'wireguard-go', 'iputils-ping', 'nftables', 'netcat-openbsd', 'ufw'],
    }),
    startHost({ packages: ['caddy', 'fail2ban', 'python3-systemd', 'curl'] }),
  ]);
  await web.exec(['sh', '-c', 'cat >/etc/caddy/Caddyfile'], caddyfile);
  await vps.sh(`sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw
    ufw allow 22/tcp comment 'administration, by key'
    ufw allow 80,443/tcp
    ufw limit from 10.80.0.0/24 to any port 5432 proto tcp comment 'backups of the nas'
    ufw allow from 10.80.0.10 to any port 53
    ufw deny 25/tcp
    ufw route allow in on wg0 out on eth0
    ufw allow out 123/udp
    ufw --force enable`);
  project = roleProject({
    'inventory/index.ts': inventory('services: {}, flows: [], hosts: { vps: {} }, networks: {}, params: {},'),
    'inventory/lab.lock.yml': lockFile({ vps, web }),
    'playbooks/site.ts': `import { definePlaybook } from 'labwright';
import firewall from 'labwright/roles/firewall';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'rules', hosts: 'vps', roles: [firewall()] }] });
`,
  });
});
afterAll(async () => {
  project?.remove();
  for (const host of [vps, web]) await host?.remove();
});

/** What a person makes of the entries that were printed. */
function inventory(entries: string): string {
  return `import { defineInventory } from 'labwright';
const adopted = {
${entries}
} as const;
export default defineInventory({
  ssh: { user: 'root', identityFile: '${vps.identityFile}' },
  params: adopted.params,
  networks: { vpn: { prefixes: '10.80.0.0/24' }, ...adopted.networks },
  hosts: {
    vps: { address: '${vps.address}', ...adopted.hosts.vps },
    web: { address: '${web.address}' },
    nas: { addresses: { vpn: '10.80.0.10' } },
  },
  services: adopted.services,
  flows: adopted.flows,
});
`;
}

const whole = (host: StartedHost) =>
  host.sh(
    'find /etc /root /usr/local /var/lib -path /var/lib/systemd -prune -o -path /var/lib/fail2ban -prune -o -path /var/lib/caddy -prune -o -printf "%p %m %s %T@\\n" | sort | sha256sum; nft list ruleset 2>/dev/null | sed -E "s/packets [0-9]+ bytes [0-9]+//"',
  );

it('shows rules of ufw as flows, and changes nothing', async () => {
  const before = await whole(vps);
  const outcome = await project.lab(['adopt', 'ufw', '--limit', 'vps']);
  expect(outcome, outcome.stderr).toMatchObject({ exitCode: 0 });
  expect(await whole(vps)).toBe(before);
  expect(outcome.stderr).toMatch(/vps:\/etc\/ufw\/user\.rules:\d+ {2}deny in port 25 proto tcp\n/);
  expect(outcome.stderr).toMatch(/vps:\/etc\/ufw\/user\.rules:\d+ {2}route allow in on wg0, eth0\n/);
  project.write('inventory/index.ts', inventory(`${outcome.stdout} services: {}, params: {},`));
  const reach = await project.lab(['reach', 'nas', 'vps:53/udp']);
  expect(reach, reach.stdout + reach.stderr).toMatchObject({ exitCode: 0 });
  expect(await project.lab(['reach', 'internet', 'vps:5432'])).toMatchObject({ exitCode: 1 });
  expect(await project.lab(['reach', 'internet', 'vps:443'])).toMatchObject({ exitCode: 0 });
  const again = await project.lab(['adopt', 'ufw', '--limit', 'vps']);
  expect(again).toMatchObject({ exitCode: 0, stdout: '' });
  const run = await project.lab(['run', 'site', '--limit', 'vps']);
  expect(run, run.stdout + run.stderr).toMatchObject({ exitCode: 0 });
  expect(await vps.sh('ufw status')).toContain('[lab] vpn → vps: backups of the nas');
  expect(await project.lab(['run', 'site', '--limit', 'vps', '--check'])).toMatchObject({ exitCode: 0 });
});

it('shows sites of Caddy as services, and no password', async () => {
  const before = await whole(web);
  const outcome = await project.lab(['adopt', 'caddy', '--limit', 'web', '--output', 'json']);
  expect(outcome, outcome.stderr).toMatchObject({ exitCode: 0 });
  expect(await whole(web)).toBe(before);
  expect(outcome.stdout).not.toContain('Zkx19XLiW6');
  const { entries, notes } = JSON.parse(outcome.stdout);
  expect(entries).toEqual({
    params: { 'vps-gateway': { acme: { email: 'ada@example.dev' } } },
    services: {
      photos: {
        host: 'nas',
        port: 2342,
        public: ['photos.example.dev', 'pictures.example.dev'],
        gateways: 'web',
        http: { headers: { 'X-Robots-Tag': 'noindex' } },
      },
      'cloud-api': {
        host: 'web',
        port: 9000,
        public: 'cloud.example.dev',
        gateways: 'web',
        http: { path: '/api', maxBody: '50MB' },
      },
      cloud: {
        host: 'nas',
        port: 8443,
        public: 'cloud.example.dev',
        gateways: 'web',
        http: { tls: 'unverified', maxBody: '50MB' },
      },
    },
  });
  const said = (notes as { line: number; found: string }[]).map(({ line, found }) => `${line} ${found}`);
  expect(said).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^27 old\.example\.dev redir https:\/\/photos\.example\.dev/),
      '31 wiki.example.dev authentication',
      expect.stringMatching(/^31 wiki\.example\.dev reverse_proxy 10\.80\.0\.10:3000 behind what is left out/),
      '38 inside.example.dev file_server',
    ]),
  );
});
