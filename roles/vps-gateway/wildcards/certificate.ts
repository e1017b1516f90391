import {
  type Change,
  defineResource,
  directory,
  file,
  type Host,
  type Inventory,
  packages,
  type ResourceTree,
  timer,
  z,
} from '../../../src/index.ts';
import { sandbox } from '../../../src/resources/systemd/sandbox.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';
import type { Params } from '../params.ts';
import { acmeRootFile } from '../render-caddy.ts';
import type { HttpSite } from '../routes.ts';
import { isCovered } from './covered.ts';
import { credentialsFor, environmentFile } from './credentials.ts';

const hostScript = '/usr/local/sbin/lab-acme';
const folder = '/etc/lab/acme';
/** Where lego keeps accounts and certificates. */
export const acmeState = '/var/lib/private/lab-acme';
/** What Caddy and lego take when nothing is said. */
const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory';

/** Domains of which a site has the certificate for all names, of those that are declared. */
export function wildcardsFor(sites: readonly HttpSite[], { acme }: Params): string[] {
  return acme.wildcards.filter((domain) => sites.some(({ name }) => isCovered(name, domain)));
}

/**
 * Certificates for all names of domains, by a record in their zones: lego beside Caddy, which Debian builds without modules for that. To
 * stand before Caddy's configuration, which names their files.
 *
 * @throws LabError PLAN_IMPOSSIBLE without a zone of the role dns that holds a domain
 */
export function wildcardCertificates(
  domains: readonly string[],
  host: Host,
  inventory: Inventory,
  { acme }: Params,
): ResourceTree {
  if (domains.length === 0) return [];
  const script = file({ path: hostScript, content: readRoleFile('vps-gateway/wildcards/lab-acme.sh'), mode: '0755' });
  const server = acme.directory ?? letsEncrypt;
  return [
    packages({ names: ['lego', 'openssl', 'ca-certificates'], recommends: false }),
    script,
    directory({ path: '/etc/lab', mode: '0700' }),
    directory({ path: folder, mode: '0700' }),
    domains.map((domain) => {
      const email = acme.email ?? `hostmaster@${domain}`;
      const variables = environmentFile({
        LAB_ACME_SERVER: server,
        LAB_ACME_EMAIL: email,
        ...(acme.root === undefined ? {} : { LEGO_CA_CERTIFICATES: acmeRootFile }),
        ...credentialsFor(domain, host, inventory),
      });
      return [
        file({
          path: `${folder}/${domain}.env`,
          content: variables,
          mode: '0600',
          validate: ['sh', '-c', validate, 'lab', '%s'],
        }),
        renewal(domain),
        certificate({ domain, account: `${server} ${email}` }),
      ];
    }),
  ];
}

/** A value with a line break, or with the quote that ends it, would be more than a value. */
const validate = `! grep -qvE "^[A-Z0-9_]+='[^']*'\\$" "$1" || { echo 'a value with a quote or a line break'; exit 1; }`;

/** As nobody in particular, with nothing but the variables of this domain; what needs rights is done before and after. */
function renewal(domain: string): ResourceTree {
  return timer({
    name: `lab-acme-${domain}`,
    description: `Certificate for *.${domain}, by lab`,
    schedule: 'hourly',
    randomizedDelaySeconds: 900,
    argv: [hostScript, 'obtain', domain],
    service: {
      ...sandbox,
      DynamicUser: true,
      StateDirectory: `lab-acme/${domain}`,
      StateDirectoryMode: '0700',
      EnvironmentFile: `-/run/lab-acme/${domain}.env`,
      ExecStartPre: `+${hostScript} prepare ${domain}`,
      ExecStartPost: `+${hostScript} deploy ${domain}`,
      ExecStopPost: `+${hostScript} forget ${domain}`,
      MemoryDenyWriteExecute: true,
      SystemCallFilter: '@system-service',
      CapabilityBoundingSet: 'CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_SETUID CAP_SETGID',
      RestrictAddressFamilies: 'AF_INET AF_INET6 AF_UNIX AF_NETLINK',
      TimeoutStartSec: 600,
    },
  });
}

/** A certificate that the timer renews; kept when it is taken back, as an authority gives new ones a few times a week at most. */
const certificate = defineResource({
  type: 'acme-certificate',
  props: z.strictObject({
    domain: z.string(),
    /** Directory of the authority, and the address that it writes to. */
    account: z.string(),
  }),
  id: ({ domain }) => `*.${domain}`,
  async read(host, { domain }) {
    const script = readRoleFile('vps-gateway/wildcards/lab-acme.sh');
    const { stdout } = await host.run(['sh', '-c', script, 'lab-acme', 'state', domain]);
    return /^there ?(.*)$/m.exec(stdout)?.[1];
  },
  diff({ domain, account }, present): readonly Change[] {
    if (present === account) return [];
    const issue = [{ do: 'run' as const, argv: [hostScript, 'issue', domain], timeoutSeconds: 660 }];
    return [
      {
        attribute: 'certificate',
        before: present ? `of ${present}` : null,
        after: `of ${account}`,
        apply: issue,
        revert: [],
      },
    ];
  },
});

/** All that is not the certificates themselves. */
export function withoutWildcards(domains: readonly string[]): ResourceTree {
  return domains.map((domain) => [
    timer({ name: `lab-acme-${domain}`, state: 'absent' }),
    file({ path: `${folder}/${domain}.env`, state: 'absent' }),
  ]);
}
