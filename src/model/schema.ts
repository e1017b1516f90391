import { z } from 'zod';
import { Secret } from '../shared/secret.ts';

/**
 * The one schema of an inventory, written in TypeScript or YAML. It checks shapes; what depends on other parts of the
 * document (names that must exist, addresses inside their network) is checked by the `check-*.ts` files.
 */

const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item, z.array(item)]);
const text = z.string().min(1);
const port = z.int().min(1).max(65535).describe('1 to 65535');
const portRange = z.templateLiteral([z.int(), '-', z.int()]).describe('8000-8010');
/** Marks what YAML may leave empty (`home:`), for the JSON Schema; `emptyAllowed` does it for values. */
const mayBeEmpty = <T extends z.ZodType>(schema: T): T => schema.meta({ mayBeEmpty: true }) as T;
const named = <T extends z.ZodType>(entry: T) => z.record(z.string(), entry);

const secret = z
  .instanceof(Secret, { error: 'has to be a secret, never plain text in the inventory' })
  .meta({ type: 'string', description: 'A secret by its path in the secrets file: !secret path (YAML).' });

const urlExpected = 'a URL such as "http://10.80.0.11:9091/api/verify"';
const bcryptExpected = 'a bcrypt hash as "caddy hash-password" prints it, beginning with $2a$';

const params = named(named(z.unknown())).describe('Role name to values for the parameters of that role.');

/** What an entry of `fallback` can say, and so can the host itself. */
const login = {
  port: port.optional(),
  user: text.optional(),
  password: secret.optional(),
  identityFile: text
    .describe("Private key. A relative path starts at the project's folder, ~/ at the home folder.")
    .optional(),
  proxyJump: oneOrMore(text)
    .describe('Jump hosts, outermost first: a host of the inventory, or [user@]host[:port].')
    .optional(),
  become: z
    .enum(['none', 'sudo', 'doas'])
    .describe('Default none for root and for the transports docker and local, else sudo.')
    .optional(),
  becomePassword: secret.optional(),
};
const fallbackDefaults = z.strictObject(login);
const fallback = fallbackDefaults.extend({ address: text.describe('Address or name to connect to.').optional() });
const fallbacks = <T extends z.ZodType>(entry: T) =>
  z
    .array(entry)
    .describe('Tried in this order when a host does not answer or refuses the login; the rest is as for the host.')
    .optional();

const connectionDefaults = z.strictObject({
  transport: z.enum(['ssh', 'openssh', 'docker', 'local']).describe('Default ssh.').optional(),
  ...login,
  passphrase: secret.optional(),
  configFile: text.describe('OpenSSH client configuration to read instead of ~/.ssh/config.').optional(),
  connectTimeoutSeconds: z.number().positive().max(3600).describe('Default 10.').optional(),
  fallback: fallbacks(fallbackDefaults),
});
const connection = connectionDefaults.extend({
  address: text.describe("The same as the host's address.").optional(),
  fallback: fallbacks(fallback),
});

const network = z.strictObject({
  prefixes: oneOrMore(text).describe('CIDR prefixes, IPv4 or IPv6: 10.77.1.0/24'),
  public: z.boolean().describe('Its addresses can be reached from the internet. Default false.').optional(),
  tunnel: z
    .boolean()
    .describe('It has no wires: the role wireguard makes it between the hosts with an address on it. Default false.')
    .optional(),
});

const group = z.strictObject({
  children: z.array(text).describe('Groups inside this one.').optional(),
  ssh: connectionDefaults.optional(),
  params: params.optional(),
});

const addresses = named(oneOrMore(text).optional())
  .describe('Network to the addresses on it; auto on a tunnel: one from each of its prefixes, assigned.')
  .optional();

const host = z.strictObject({
  groups: z.array(text).optional(),
  address: text.describe("Address or name to connect to. Default: the host's first address on a network.").optional(),
  addresses,
  ssh: connection.optional(),
  params: params.optional(),
});

const device = z.strictObject({ owner: text.optional(), addresses });

const urlPath = z
  .string()
  .regex(/^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/, { error: 'a path such as "/api"' })
  .describe('/api');
const http = z.strictObject({
  path: urlPath.describe('Only requests below this path; several services share a name by it.').optional(),
  access: z.enum(['everyone', 'inside']).describe('Who may ask. Default everyone.').optional(),
  users: z
    .record(
      z.string().regex(/^[A-Za-z0-9._@-]{1,64}$/, { error: 'a user name of letters, digits and "._@-"' }),
      z.union([secret, z.string().regex(/^\$2[aby]\$\d\d\$[A-Za-z0-9./]{53}$/, { error: bcryptExpected })]),
    )
    .describe('User to the hash of the password, as caddy hash-password prints it.')
    .optional(),
  authorizer: z
    .string()
    .regex(/^https?:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?(\/[A-Za-z0-9._~/?=&%-]*)?$/, {
      error: urlExpected,
    })
    .refine(URL.canParse, { error: urlExpected })
    .describe('URL that says whether a request may pass.')
    .optional(),
  health: urlPath.describe('Path that answers 2xx while the service is well.').optional(),
  tls: z.enum(['verified', 'unverified']).describe('The service itself speaks TLS. Default plain HTTP.').optional(),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9-]+$/, { error: 'a header name such as "X-Robots-Tag"' }),
      z
        .string()
        .regex(/^(?!.*\{\$)[\t\x20-\x5f\x61-\x7e]*$/, {
          error: 'printable ASCII on one line (RFC 9110 5.5), without a backtick and without "{$"',
        })
        .nullable(),
    )
    .describe('Response headers; null takes one away.')
    .optional(),
  maxBody: z
    .string()
    .regex(/^[1-9]\d*(KB|MB|GB)$/, { error: 'a size such as "50MB"' })
    .describe('Largest body of a request, such as 50MB. Default any.')
    .optional(),
});

const service = z.strictObject({
  host: text,
  port,
  protocol: z.enum(['tcp', 'udp']).describe('Default tcp; udp for the mode udp.').optional(),
  mode: z
    .enum(['http', 'tls-passthrough', 'tcp', 'udp'])
    .describe('How a gateway carries it. Default: http with public names, else the protocol.')
    .optional(),
  public: oneOrMore(text).describe('Public DNS names; they need a gateway or a host on a public network.').optional(),
  private: oneOrMore(text).describe('DNS names that resolve only inside.').optional(),
  gateways: oneOrMore(text)
    .describe(
      'Hosts that carry the public names. Default: its own when that is on a public network, else all that are.',
    )
    .optional(),
  replicas: oneOrMore(text).describe('Further hosts that offer the same on the same port.').optional(),
  http: http.describe('How the gateway treats requests. Mode http.').optional(),
  proxyProtocol: z
    .boolean()
    .describe("The service wants the client's address in front of each connection (PROXY v2). Mode tls-passthrough.")
    .optional(),
});

const endpoint = z.union([
  text.describe('A host, group, device, network or service, internet, or all (every host).'),
  z.strictObject({ namespace: text }).describe('A Kubernetes namespace.'),
]);

const flow = z.strictObject({
  from: oneOrMore(endpoint),
  to: oneOrMore(endpoint),
  protocol: z.enum(['tcp', 'udp']).describe('Default tcp when ports are given.').optional(),
  ports: z
    .union([z.literal('any'), oneOrMore(z.union([port, portRange]))])
    .describe('Needed unless every target is a service; 8000-8010 is a range; any for every port of every protocol.')
    .optional(),
  reason: text.describe('Why it exists; becomes a comment in every backend.'),
});

export const inventorySchema = z.strictObject({
  $schema: z.string().optional(),
  ssh: connectionDefaults.describe('How to connect to every host.').optional(),
  params: params.describe('Role parameters of every host.').optional(),
  networks: named(network).optional(),
  groups: named(mayBeEmpty(group)).optional(),
  hosts: named(mayBeEmpty(host)),
  devices: named(mayBeEmpty(device)).optional(),
  services: named(service).optional(),
  flows: z.array(flow).optional(),
});

/** Sections whose entries YAML may leave empty. */
export const emptyAllowed = ['groups', 'hosts', 'devices'] as const;

/** What a name of a host, group, device, network or service looks like. Digits alone would lose their order in objects. */
export const namePattern = /^(?![0-9]+$)[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** The JSON Schema for editors, as in `schema/inventory.v1.json`. */
export function inventoryJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(inventorySchema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema, path }) => {
      const { mayBeEmpty, ...rest } = jsonSchema as Record<string, unknown>;
      if (mayBeEmpty === true) {
        for (const key of Object.keys(jsonSchema)) delete (jsonSchema as Record<string, unknown>)[key];
        jsonSchema.anyOf = [rest as typeof jsonSchema, { type: 'null' }];
      }
      const section = path.length === 2 && path[0] === 'properties' ? path[1] : undefined;
      const isRecord = zodSchema._zod.def.type === 'record' || 'propertyNames' in jsonSchema;
      if (section !== undefined && section !== 'params' && isRecord) {
        jsonSchema.propertyNames = { pattern: namePattern.source };
      }
    },
  });
  return { title: 'An inventory of labwright, version 1', ...schema };
}
