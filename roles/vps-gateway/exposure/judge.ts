import type { Inventory } from '../../../src/index.ts';
import { type ExposureFinding, withoutRepeats } from './finding.ts';
import type { PublicRecord } from './names.ts';
import { type SecretsOfHome, tellsOf } from './secrets-of-home.ts';

const stopRecord =
  'delete it where the zone is kept, or let it lead to the gateway; resolvers keep it until its TTL is over, and archives of old records for good: a new address of the line ends that';
const stopHere = 'take away the port forwarding of the router at home: the tunnel is the only way in';

/**
 * Records that show what nobody outside is to know. Pure.
 *
 * @param meant `photos.example.dev A` of those that the inventory says are meant
 */
export function judgeRecords(
  records: readonly PublicRecord[],
  secrets: SecretsOfHome,
  meant: ReadonlySet<string>,
): readonly ExposureFinding[] {
  const findings = records.flatMap(({ name, type, value, via }): ExposureFinding[] => {
    if (meant.has(`${name} ${type}`) || (via !== null && meant.has(via))) return [];
    const where = `${name} ${type}${via === null ? '' : ` (by ${via})`}`;
    const told = secrets.in(value).map((leak): ExposureFinding => {
      return { kind: 'record', where, found: leak.found, tells: tellsOf(leak), stop: stopRecord };
    });
    // RFC 7208, 5.6: networks in plain text.
    const networks = [...value.matchAll(/\bip[46]:([0-9a-fA-F.:]+\/\d+)/gi)].flatMap(([, prefix = '']) =>
      type === 'TXT' && secrets.isHomeIn(prefix) ? [prefix] : [],
    );
    return [
      ...told,
      ...networks.map((found): ExposureFinding => {
        return { kind: 'record', where, found, tells: "a network with the home's address", stop: stopRecord };
      }),
    ];
  });
  return withoutRepeats(findings);
}

/** What is at an open port of the home's line, asked by the names of the gateway. */
export interface ServedAtHome {
  readonly address: string;
  readonly port: number;
  /** Names in the certificates that it shows. */
  readonly certified: readonly string[];
  /** Public names for which it answered a request over HTTP. */
  readonly answered: readonly string[];
}

/**
 * What is open at the home's line. Pure.
 *
 * @param isDeclared whether a flow from the internet leads to this port of a host at home
 */
export function judgeServed(
  served: readonly ServedAtHome[],
  publicNames: readonly string[],
  isDeclared: (port: number) => boolean,
): readonly ExposureFinding[] {
  return served.flatMap(({ address, port, certified, answered }): ExposureFinding[] => {
    const where = `port ${port}/tcp of ${address}`;
    const shown = publicNames.filter((name) => certified.some((one) => covers(one, name)));
    return [
      ...(isDeclared(port)
        ? []
        : [
            {
              kind: 'open' as const,
              where,
              found: 'a connection',
              tells: 'which no flow from the internet allows at home',
              stop: `${stopHere}; what is meant is a flow: { from: 'internet', to: 'HOST', ports: ${port}, reason: '…' }`,
            },
          ]),
      ...(shown.length === 0
        ? []
        : [
            {
              kind: 'certificate' as const,
              where,
              found: shown.join(', '),
              tells: "a certificate for a public name, by which search engines of the internet find the home's address",
              stop: `${stopHere}, or serve these names at the gateway alone`,
            },
          ]),
      ...(answered.length === 0
        ? []
        : [
            {
              kind: 'answer' as const,
              where,
              found: answered.join(', '),
              tells: 'answered over HTTP past the gateway',
              stop: stopHere,
            },
          ]),
    ];
  });
}

/** `*.example.dev` covers one label (RFC 6125, 6.4.3). */
function covers(certified: string, name: string): boolean {
  const one = certified.toLowerCase();
  return one === name || (one.startsWith('*.') && name.slice(name.indexOf('.') + 1) === one.slice(2));
}

/** What a gateway answered to one request. */
export interface GatewayAnswer {
  /** `https://photos.example.dev/` */
  readonly url: string;
  readonly name: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Its beginning; empty where what is in it says nothing, because who asked is at home as well. */
  readonly body: string;
}

/** Headers that tell which program answers, and where. */
const telling = /^(server|via|x-powered-by|x-served-by|x-backend(-server)?|x-upstream|x-server|x-aspnet-version)$/i;
/** The gateway itself, in what it answers by itself. */
const ofGateway = /^(1\.[01] |2(\.0)? |3 )?caddy$/i;

/** Answers through a gateway. Pure. What the inventory itself declares as a header is meant. */
export function judgeAnswers(
  answers: readonly GatewayAnswer[],
  secrets: SecretsOfHome,
  inventory: Inventory,
): readonly ExposureFinding[] {
  const findings = answers.flatMap(({ url, name, headers, body }): ExposureFinding[] => {
    const inHeaders = headers.flatMap(([header, value]): ExposureFinding[] => {
      if (isDeclaredHeader(name, header, value, inventory)) return [];
      const where = `${header} of ${url}`;
      const stop = `let the service say its public address, or take the header away: http: { headers: { '${header}': null } }`;
      const leaks = secrets.in(value);
      if (leaks.length > 0)
        return leaks.map((leak) => ({ kind: 'header', where, found: leak.found, tells: tellsOf(leak), stop }));
      if (!telling.test(header) || ofGateway.test(value)) return [];
      return [{ kind: 'header', where, found: value, tells: 'what runs inside', stop }];
    });
    const inBody = secrets
      .in(body)
      .filter(({ what }) => what === 'home')
      .map((leak): ExposureFinding => {
        const stop = 'let the service name its public address in what it writes';
        return { kind: 'body', where: url, found: leak.found, tells: tellsOf(leak), stop };
      });
    return [...inHeaders, ...inBody];
  });
  return withoutRepeats(findings);
}

function isDeclaredHeader(name: string, header: string, value: string, { services }: Inventory): boolean {
  return [...services.values()].some(
    (service) =>
      service.public.includes(name) &&
      [...(service.http?.headers ?? [])].some(
        ([one, declared]) => one.toLowerCase() === header.toLowerCase() && declared === value,
      ),
  );
}

/** What a mail server says before anybody logs in (RFC 5321, 4.2 and 4.1.1.1). */
export interface MailGreeting {
  /** `mail.example.dev:25` */
  readonly at: string;
  readonly lines: readonly string[];
  /** Addresses of the name by which it calls itself, in the public DNS. */
  readonly named: readonly string[];
}

/** What mail servers say of themselves. Pure. */
export function judgeMail(greetings: readonly MailGreeting[], secrets: SecretsOfHome): readonly ExposureFinding[] {
  const stop =
    'give the mail server its public name (Postfix: myhostname and smtpd_banner); the Received: headers that it writes have the same name';
  return withoutRepeats(
    greetings.flatMap(({ at, lines, named }) => [
      ...lines.flatMap((line) =>
        secrets.in(line).map((leak): ExposureFinding => {
          return { kind: 'mail', where: `greeting of ${at}`, found: leak.found, tells: tellsOf(leak), stop };
        }),
      ),
      ...named.flatMap((address): ExposureFinding[] => {
        const what = secrets.whatIs(address);
        if (what === undefined) return [];
        const tells = `${tellsOf({ found: address, what })}, to which its name leads`;
        return [{ kind: 'mail', where: `greeting of ${at}`, found: address, tells, stop }];
      }),
    ]),
  );
}

/** A configuration that names where a tunnel is dialled. */
export interface ConfiguredEndpoint {
  /** `nas /etc/wireguard/wg0.conf` */
  readonly where: string;
  /** `203.0.113.7:51820`, `home.example.net:51820` */
  readonly endpoint: string;
  /** Addresses of a name, in the public DNS. */
  readonly resolved: readonly string[];
}

/** Endpoints of tunnels: only what is public may be dialled. Pure. */
export function judgeEndpoints(
  endpoints: readonly ConfiguredEndpoint[],
  secrets: SecretsOfHome,
): readonly ExposureFinding[] {
  const stop = 'let the home dial a gateway, and give no Endpoint for it anywhere: the role wireguard does so';
  return withoutRepeats(
    endpoints.flatMap(({ where, endpoint, resolved }): ExposureFinding[] => {
      const direct = secrets.in(endpoint).filter(({ what }) => what === 'home');
      if (direct.length > 0)
        return direct.map((leak) => ({ kind: 'endpoint', where, found: endpoint, tells: tellsOf(leak), stop }));
      const leads = resolved.find((address) => secrets.whatIs(address) === 'home');
      if (leads === undefined) return [];
      return [
        { kind: 'endpoint', where, found: endpoint, tells: `a name that leads to the home's address ${leads}`, stop },
      ];
    }),
  );
}

/** By which way a host sends what it begins with the internet. */
export interface WayOut {
  readonly host: string;
  readonly family: 4 | 6;
  /** Of the host itself, or the bridge of containers. */
  readonly of: string;
  readonly by: 'tunnel' | 'line' | 'nothing';
  /** The interface of the way. */
  readonly device: string | null;
  /** What an address in the internet said that it came from; null where none was asked. */
  readonly seenAs: string | null;
}

/**
 * Hosts of public services whose requests (webhooks, previews of links, updates) leave by the home's line. What somebody outside
 * has seen counts before what the routes say. Pure.
 */
export function judgeWaysOut(
  ways: readonly WayOut[],
  gatewayAddresses: ReadonlySet<string>,
  secrets: SecretsOfHome,
): readonly ExposureFinding[] {
  return ways.flatMap(({ host, family, of, by, device, seenAs }): ExposureFinding[] => {
    const isLeak = seenAs === null ? by === 'line' : !gatewayAddresses.has(seenAs);
    if (!isLeak) return [];
    const known = secrets.lines.find((address) => address.includes(':') === (family === 6));
    return [
      {
        kind: 'egress',
        where: `${host}, IPv${family}, ${of}${device === null ? '' : `, by ${device}`}`,
        found: seenAs ?? known ?? 'the line of the home',
        tells: 'from which its webhooks, previews of links and updates leave, although it offers public services',
        stop: `params: { firewall: { internet: 'tunnel' } } for ${host} lets it leave through the gateway; params: { 'vps-gateway': { accepted: ['egress'] } } says that it may be so`,
      },
    ];
  });
}

/** An open port of a public host, and whether a flow says so. */
export interface OpenPort {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** Ports of public hosts that are open without a flow from the internet. Pure. */
export function judgePorts(
  open: readonly OpenPort[],
  isDeclared: (port: OpenPort) => boolean,
): readonly ExposureFinding[] {
  return open
    .filter((port) => !isDeclared(port))
    .map(({ host, address, port }) => ({
      kind: 'open',
      where: `port ${port}/tcp of ${host} (${address})`,
      found: 'a connection',
      tells: 'which no flow from the internet allows',
      stop: `run the playbook with the role firewall on ${host}, or stop what listens; what is meant is a flow: { from: 'internet', to: '${host}', ports: ${port}, reason: '…' }`,
    }));
}
