import type { Inventory } from '../../../src/index.ts';
import { type ExposureFinding, withoutRepeats } from './finding.ts';
import { type SecretsOfHome, tellsOf } from './secrets-of-home.ts';

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

/**
 * Answers through a gateway. Pure. What the inventory itself declares as a header is meant; what every page of a name has is told
 * once, at the first of them.
 */
export function judgeAnswers(
  answers: readonly GatewayAnswer[],
  secrets: SecretsOfHome,
  inventory: Inventory,
): readonly ExposureFinding[] {
  const first = new Map<string, ExposureFinding>();
  for (const answer of answers)
    for (const [place, finding] of [...inHeaders(answer, secrets, inventory), ...inBody(answer, secrets)]) {
      const key = `${answer.name} ${place} ${finding.found}`;
      if (!first.has(key)) first.set(key, finding);
    }
  return [...first.values()];
}

/** Where in an answer, whatever page it is of. */
type Placed = readonly [place: string, finding: ExposureFinding];

function inHeaders({ url, name, headers }: GatewayAnswer, secrets: SecretsOfHome, inventory: Inventory): Placed[] {
  return headers.flatMap(([header, value]): Placed[] => {
    if (isDeclaredHeader(name, header, value, inventory)) return [];
    const leaks = secrets.in(value).map((leak) => ({ found: leak.found, tells: tellsOf(leak) }));
    const program = telling.test(header) && !ofGateway.test(value) ? [{ found: value, tells: 'what runs inside' }] : [];
    const stop = `let the service say its public address, or take the header away: http: { headers: { '${header}': null } }`;
    return (leaks.length > 0 ? leaks : program).map((told) => [
      header.toLowerCase(),
      { kind: 'header', where: `${header} of ${url}`, ...told, stop },
    ]);
  });
}

function inBody({ url, body }: GatewayAnswer, secrets: SecretsOfHome): Placed[] {
  const stop = 'let the service name its public address in what it writes';
  return secrets
    .in(body)
    .filter(({ what }) => what === 'home')
    .map((leak) => ['body', { kind: 'body', where: url, found: leak.found, tells: tellsOf(leak), stop }]);
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
