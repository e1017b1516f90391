import type { ExposureFinding } from './finding.ts';

const stopHere = 'take away the port forwarding of the router at home: the tunnel is the only way in';

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
