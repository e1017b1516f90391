import type { HttpInput, ServiceInput } from '../../model/input.ts';
import type { Inventory } from '../../model/types.ts';
import type { Adoption, Note } from '../entries.ts';
import { freeName } from '../wireguard/network.ts';
import { caddyfile, type FoundCaddy } from './look.ts';
import { type Other, sitesOf, type Way } from './sites.ts';

/** What there is for handlers that have no place as they are. */
const instead: Readonly<Record<string, string>> = {
  static_response:
    'left out: names that are not declared get 404, and whoever comes by HTTP is sent to HTTPS; a redirect is a service of its own behind the gateway',
  file_server: 'left out: a web server on a host, as a service with this name',
  authentication:
    'http: { users: { name: hash } } of the service, with the hash that stands there, also as a secret(…)',
  rewrite: 'left out: let the service itself answer below that path, http: { path: … }',
  matcher: 'left out: http: { path } and { access: "inside" } are what the model tells requests apart by',
  guarded:
    'left out, as it would be open to everybody: write the service with http: { users }, { authorizer } or { access } yourself',
  reverse_proxy: 'http: { authorizer: "http://…" } of the service for forward_auth; else left out',
  'proxy-option':
    'not needed, or set by the gateway: X-Forwarded-For, X-Real-IP, websockets, whoever answers of replicas',
  headers: 'headers of requests have no place; those of answers are http: { headers }',
};

/** What the inventory has to hold so that the role vps-gateway carries what this Caddy does. Pure. */
export function adoptCaddy(found: readonly FoundCaddy[], inventory: Inventory): Adoption {
  const notes: Note[] = [];
  const services: Record<string, ServiceInput> = {};
  const params: Record<string, unknown> = {};
  for (const one of found) {
    const note = (line: number | null, what: string, then: string) =>
      notes.push({ host: one.host, file: caddyfile, line, found: what, instead: then });
    if (one.isOurs) {
      note(null, 'the file', 'the role vps-gateway has it already');
      continue;
    }
    if (one.usesEnvironment)
      note(null, 'values from the environment ({$…})', 'not read: look whether the entries are right');
    const { ways, others } = sitesOf(one.config);
    for (const other of others) note(lineOf(one, other.names), `${shown(other.names)} ${other.what}`, fateOf(other));
    for (const way of ways) addService(way, one, services, inventory, note);
    Object.assign(params, tlsOf(one, note));
  }
  const isNew = Object.entries(params).some(([name, value]) => !isGiven(name, value, found, inventory));
  return {
    entries: { ...(isNew ? { params: { 'vps-gateway': { acme: params } } } : {}), services },
    notes,
  };
}

type Tell = (line: number | null, what: string, then: string) => void;

function addService(
  way: Way,
  found: FoundCaddy,
  services: Record<string, ServiceInput>,
  inventory: Inventory,
  note: Tell,
): void {
  const line = lineOf(found, way.names);
  const place = placeOf(way, found, inventory);
  if (typeof place === 'string') note(line, `${shown(way.names)} reverse_proxy ${way.upstreams.join(' ')}`, place);
  else {
    const odd = way.names.filter((name) => !place.names.includes(name));
    if (odd.length > 0) note(line, `${shown(odd)} of it`, 'left out: no public name');
    if (isDeclared(place, way, inventory)) return;
    const name = nameFor(place.names, way.path, inventory, new Set(Object.keys(services)));
    services[name] = serviceOf(place, way, found.host);
  }
}

interface Target {
  readonly host: string;
  readonly port: number;
}

interface Place extends Target {
  readonly names: readonly string[];
  readonly replicas: readonly string[];
}

/** Where a way leads in the inventory, or why it cannot be said there. */
function placeOf({ names: all, upstreams }: Way, { host: self }: FoundCaddy, inventory: Inventory): Place | string {
  const names = all.filter((name) => /^([a-z0-9-]+\.)+[a-z][a-z0-9-]*$/.test(name));
  if (names.length === 0) return 'left out: a service needs a public name, not an address, a port or a wildcard';
  const targets = upstreams.map((dial) => targetOf(dial, self, inventory));
  const missing = upstreams.filter((_, index) => targets[index] === undefined);
  const [first, ...others] = targets.flatMap((target) => target ?? []);
  if (first === undefined || missing.length > 0)
    return `left out: ${missing.join(', ')} is nobody in the inventory: declare the host with this address`;
  if (others.some(({ port }) => port !== first.port))
    return 'left out: hosts that offer the same have it on the same port';
  return { ...first, names, replicas: others.map(({ host }) => host) };
}

function serviceOf({ host, port, names, replicas }: Place, way: Way, gateway: string): ServiceInput {
  const { path, tls, health, headers, maxBody } = way;
  const http: HttpInput = {
    ...(path === '' ? {} : { path }),
    ...(tls === undefined ? {} : { tls }),
    ...(health === undefined ? {} : { health }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(maxBody === undefined ? {} : { maxBody }),
  };
  const [only] = names;
  return {
    host,
    port,
    public: names.length === 1 && only !== undefined ? only : names,
    gateways: gateway,
    ...(replicas.length === 0 ? {} : { replicas }),
    ...(Object.keys(http).length === 0 ? {} : { http }),
  };
}

/** `photos` for photos.example.dev, `photos-api` for what is below /api there. */
function nameFor(names: readonly string[], path: string, inventory: Inventory, taken: ReadonlySet<string>): string {
  const [label = 'site'] = (names[0] ?? '').split('.');
  const below = path.replaceAll(/[^a-z0-9]+/gi, '-').replace(/-+$/, '');
  return freeName(`${label}${below}`, inventory, taken);
}

/** `10.80.0.10:2342`, `localhost:3000`, `nas:80`: the host that has this address, or name. */
function targetOf(dial: string, self: string, { hosts }: Inventory): Target | undefined {
  const [, address = '', port = ''] = /^(?:tcp\/)?\[?([^\]/]*?)\]?:(\d+)$/.exec(dial) ?? [];
  if (port === '') return undefined;
  if (['', 'localhost', '127.0.0.1', '::1'].includes(address)) return { host: self, port: Number(port) };
  const owner = [...hosts.values()].find(
    ({ name, addresses, connection }) =>
      name === address ||
      ('address' in connection && connection.address === address) ||
      [...addresses.values()].flat().includes(address),
  );
  return owner === undefined ? undefined : { host: owner.name, port: Number(port) };
}

function isDeclared(place: Place, { path }: Way, { services }: Inventory): boolean {
  return [...services.values()].some(
    ({ host, port, public: declared, http }) =>
      host === place.host &&
      port === place.port &&
      (http?.path ?? '') === path &&
      place.names.every((name) => declared.includes(name)),
  );
}

/** Who signs, as far as it is said for all; what is said for some is told. */
function tlsOf({ config }: FoundCaddy, note: Tell): { email?: string; directory?: string } {
  const apps = (config as { apps?: { tls?: { automation?: { policies?: unknown[] }; certificates?: unknown } } }).apps;
  const acme: { email?: string; directory?: string } = {};
  if (apps?.tls?.certificates !== undefined)
    note(
      null,
      'certificates of files (tls CERT KEY)',
      "left out: the gateway asks for its own; mode: 'tls-passthrough' lets a service keep its certificate",
    );
  for (const policy of (apps?.tls?.automation?.policies ?? []) as {
    subjects?: string[];
    issuers?: Record<string, unknown>[];
  }[])
    for (const issuer of policy.issuers ?? []) {
      const subjects = shown(policy.subjects ?? []);
      if (issuer.module === 'internal')
        note(
          null,
          `${subjects} tls internal`,
          "the gateway asks an authority by ACME: one of your own is params: { 'vps-gateway': { acme: { directory, root } } }",
        );
      else {
        if (issuer.challenges !== undefined)
          note(
            null,
            `${subjects} challenges of ${String(issuer.module)}`,
            "acme: { wildcards: ['example.dev'] } of the role, with a zone that the role dns publishes",
          );
        if (typeof issuer.email === 'string') acme.email ??= issuer.email;
        if (
          typeof issuer.ca === 'string' &&
          issuer.module === 'acme' &&
          !issuer.ca.includes('letsencrypt.org') &&
          !issuer.ca.includes('zerossl.com')
        )
          acme.directory ??= issuer.ca;
      }
    }
  return acme;
}

function isGiven(name: string, value: unknown, found: readonly FoundCaddy[], { hosts }: Inventory): boolean {
  return found.every(({ host }) => {
    const acme = hosts.get(host)?.params.get('vps-gateway')?.acme as Record<string, unknown> | undefined;
    return acme?.[name] === value;
  });
}

function fateOf({ kind }: Other): string {
  return instead[kind] ?? 'left out: the role has no place for it';
}

function shown(names: readonly string[]): string {
  return names.length === 0 ? 'every name' : names.join(', ');
}

function lineOf({ headings }: FoundCaddy, names: readonly string[]): number | null {
  const heading = headings.find(({ text }) =>
    text.split(/[\s,]+/).some((word) => names.includes(word.replace(/^https?:\/\//, '').replace(/:\d+$/, ''))),
  );
  return heading?.line ?? null;
}
