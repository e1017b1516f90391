import { publicAddressesOf } from '../../../../roles/dns/public/records.ts';
import type { GatewayAnswer, MailGreeting } from '../../../../roles/vps-gateway/exposure/judge-answers.ts';
import type { ServedAtHome } from '../../../../roles/vps-gateway/exposure/judge-open.ts';
import { publicNamesOf } from '../../../../roles/vps-gateway/exposure/names.ts';
import type { Host, Inventory, Service } from '../../../model/types.ts';
import { askHttp, certifiedNames, greetingOf, overTls } from './conversation.ts';
import type { PublicDns } from './public-dns.ts';
import type { Target, Vantage } from './vantage.ts';

/** Ports of mail servers that speak first (RFC 5321, RFC 6409), and the one that begins with TLS (RFC 8314). */
const mailPorts = [25, 587, 2525];
const mailTlsPort = 465;

interface Request extends Target {
  readonly name: string;
  readonly path: string;
  readonly isSecure: boolean;
}

export interface AskedGateways {
  readonly requests: number;
  readonly answers: readonly GatewayAnswer[];
}

/** Asks each gateway for each of its names, at its own addresses: whether or not the names lead there yet. */
export async function askGateways(
  inventory: Inventory,
  gateways: readonly Host[],
  vantageFor: (host: Host) => Vantage,
  /** Whether who asks from there is a stranger, so that what is said of the asker is not said of the home. */
  isStranger: (vantage: Vantage) => boolean,
): Promise<AskedGateways> {
  const outcomes = await Promise.all(
    gateways.flatMap((host) =>
      requestsTo(host, inventory).map(async (request) => {
        const vantage = vantageFor(host);
        const answer = await vantage.visit(request, async (stream) => {
          const { name, path, isSecure } = request;
          const channel = isSecure ? await overTls(stream, name) : stream;
          return channel === undefined ? undefined : askHttp(channel, name, path);
        });
        if (answer === undefined) return [];
        const { name, path, isSecure } = request;
        const url = `${isSecure ? 'https' : 'http'}://${name}${path}`;
        return [{ url, name, headers: answer.headers, body: isStranger(vantage) ? answer.body : '' }];
      }),
    ),
  );
  return { requests: outcomes.length, answers: outcomes.flat() };
}

function requestsTo(host: Host, inventory: Inventory): Request[] {
  const services = [...inventory.services.values()].filter(
    ({ gateways, mode }) => gateways.includes(host.name) && (mode === 'http' || mode === 'tls-passthrough'),
  );
  const pages = services.flatMap((service) =>
    service.public.flatMap((name) => pathsOf(service).map((path): [string, string] => [name, path])),
  );
  const unique = new Map(pages.map(([name, path]) => [`${name}${path}`, { name, path }]));
  return publicAddressesOf(host, inventory).flatMap((address) =>
    [...unique.values()].flatMap((page) => [
      { ...page, address, port: 443, isSecure: true },
      { ...page, address, port: 80, isSecure: false },
    ]),
  );
}

/** Beside the page itself: without its slash a folder is often a redirect, and pages of errors tell of servers. */
function pathsOf({ http }: Service): string[] {
  const path = http?.path ?? '';
  const missing = `${path}/lab-verify-exposure`;
  return path === '' ? ['/', missing] : ['/', path, `${path}/`, missing];
}

/** What mail servers that are declared say of themselves, at the gateways or their own public addresses. */
export async function askMail(
  inventory: Inventory,
  hosts: readonly Host[],
  vantageFor: (host: Host) => Vantage,
  dns: PublicDns,
): Promise<readonly MailGreeting[]> {
  const targets = [...inventory.services.values()].flatMap((service) =>
    service.public.length === 0 || ![...mailPorts, mailTlsPort].includes(service.port)
      ? []
      : hosts
          .filter(({ name }) => (service.gateways.length > 0 ? service.gateways.includes(name) : service.host === name))
          .flatMap((host) =>
            publicAddressesOf(host, inventory).map((address) => ({ host, service, address, port: service.port })),
          ),
  );
  const greetings = await Promise.all(
    targets.map(async ({ host, service, ...target }): Promise<MailGreeting[]> => {
      const lines = await vantageFor(host).visit(target, async (stream) => {
        const channel = target.port === mailTlsPort ? await overTls(stream, service.public[0]) : stream;
        return channel === undefined ? [] : greetingOf(channel);
      });
      if (lines === undefined || lines.length === 0) return [];
      const names = new Set(
        lines.flatMap((line) => /^(?:220|250)[ -]([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)/.exec(line)?.[1] ?? []),
      );
      const named = await Promise.all([...names].flatMap((name) => [dns.ask(name, 'A'), dns.ask(name, 'AAAA')]));
      return [{ at: `${service.public[0]}:${service.port}`, lines, named: named.flatMap((one) => one ?? []) }];
    }),
  );
  return greetings.flat();
}

/** What is behind open ports of the home's line, for those who know the public names. */
export async function askHome(
  open: readonly Target[],
  inventory: Inventory,
  vantage: Vantage,
): Promise<readonly ServedAtHome[]> {
  const names = publicNamesOf(inventory);
  return Promise.all(
    open.map(async (target): Promise<ServedAtHome> => {
      const secured = await Promise.all(
        [undefined, ...names].map((name) =>
          vantage.visit(target, async (stream) => {
            const channel = await overTls(stream, name);
            if (channel === undefined) return undefined;
            const answer = name === undefined ? undefined : await askHttp(channel, name, '/');
            return { name, certified: certifiedNames(channel), answered: answer !== undefined };
          }),
        ),
      );
      const plain = await Promise.all(
        names.map(async (name) => {
          const answer = await vantage.visit(target, (stream) => askHttp(stream, name, '/'));
          return answer === undefined || isComplaint(answer.status) ? [] : [name];
        }),
      );
      const withTls = secured.flatMap((one) => one ?? []);
      const answered = withTls.flatMap(({ name, answered }) => (answered && name !== undefined ? [name] : []));
      return {
        ...target,
        certified: [...new Set(withTls.flatMap(({ certified }) => certified))],
        answered: [...new Set([...answered, ...plain.flat()])].sort(),
      };
    }),
  );
}

/** A request without TLS at a port with it, and one for a name that a server does not have (RFC 9110, 15.5.1 and 15.5.20). */
function isComplaint(status: number): boolean {
  return status === 400 || status === 421;
}
