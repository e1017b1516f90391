import { secondsOf } from '../../../roles/wireguard/params.ts';
import { linkStatuses, modelOf, type TunnelModel } from '../../../roles/wireguard/status/model.ts';
import { type Reading, readLinks } from '../../../roles/wireguard/status/reading.ts';
import type { Host } from '../../model/types.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import {
  exitCodeOf,
  type LinkRecord,
  linkLines,
  linkProblems,
  linkSummary,
  linksUnproven,
  type ShownLink,
  withDueKeys,
} from '../../report/link-table.ts';
import { painter } from '../../report/style.ts';
import { terminalOf } from '../../report/terminal.ts';
import { unlookedOf, type Verification } from '../../report/verify/verification.ts';
import { LabError } from '../../shared/errors.ts';
import { lockOf } from '../host-keys.ts';
import type { KeptHosts } from '../kept-hosts.ts';

interface Options {
  readonly maxAge?: string;
  readonly strict?: boolean;
}

/**
 * Whether one of the hosts that are selected has a link.
 *
 * @throws LabError INVENTORY_INVALID, ROLE_PARAMS for a tunnel that cannot be
 */
export function hasLinks({ inventory, targets }: KeptHosts): boolean {
  const hasTunnel = [...inventory.hosts.values()].some(({ addresses }) =>
    [...addresses.keys()].some((network) => inventory.networks.get(network)?.tunnel === true),
  );
  return hasTunnel && pairsAt(targets, modelOf(inventory)).length > 0;
}

function pairsAt(hosts: readonly Host[], { pairs }: TunnelModel): TunnelModel['pairs'] {
  const selected = new Set(hosts.map(({ name }) => name));
  return pairs.filter((pair) => pair.some((name) => selected.has(name)));
}

/** `lab status wireguard` */
export async function wireguardStatus(hosts: KeptHosts, options: Options): Promise<Verification<LinkRecord>> {
  const maxAge = maxAgeOf(options);
  const { inventory, targets, file } = hosts;
  const model = modelOf(inventory);
  const pairs = pairsAt(targets, model);
  const asked = new Set(pairs.flat().filter((name) => model.tunnels.has(name)));
  if (asked.size === 0)
    throw new LabError('HOST_PATTERN', 'no host with a link is left to ask', {
      expected: `one of ${[...model.tunnels.keys()].join(', ')}`,
      found: targets.length < inventory.hosts.size ? targets.map(({ name }) => name).join(',') : 'a tunnel of one host',
    });
  const checkedAt = new Date().toISOString();
  const outcomes = await hosts.on(
    [...inventory.hosts.values()].filter(({ name }) => asked.has(name)),
    (session, { name }) => {
      const params = model.params.get(name);
      if (params === undefined) throw new LabError('INTERNAL', `${name} has no parameters`);
      return readLinks(new FactLoader(session), params);
    },
  );
  const readings = new Map(
    outcomes.flatMap(({ host, value }): [string, Reading][] => (value === undefined ? [] : [[host.name, value]])),
  );
  const lock = await lockOf(inventory, file);
  const devices = new Map(
    [...inventory.devices.keys()].map((name) => [
      name,
      { keys: lock.wireguard('device', name).keys, links: new Map() },
    ]),
  );
  const links: readonly ShownLink[] = withDueKeys(linkStatuses(model, pairs, readings, devices), maxAge);
  const unlooked = unlookedOf(outcomes);
  return {
    checkedAt,
    exitCode: exitCodeOf(links, unlooked, options.strict === true),
    summary: linkSummary(links),
    problems: linkProblems(links, options.maxAge),
    unlooked,
    unproven: linksUnproven(links),
    hosts: [...readings.keys()],
    found: {
      hosts: outcomes.map(({ host, error }) => ({
        host: host.name,
        error: error === undefined ? null : { code: error.code, message: error.message },
      })),
      links,
    },
    lines: linkLines(links, options.maxAge, painter(terminalOf(process.stdout).colors)),
  };
}

/** @throws LabError USAGE before any host is asked */
export function maxAgeOf({ maxAge, strict }: Options): number | undefined {
  if (maxAge === undefined) {
    if (strict) throw new LabError('USAGE', '--strict needs --max-age', { hint: 'such as --max-age 30d --strict' });
    return undefined;
  }
  const seconds = secondsOf(maxAge);
  if (seconds !== undefined) return seconds;
  throw new LabError('USAGE', '--max-age is no duration', {
    expected: 'a number and s, m, h, d or w, such as 30d',
    found: maxAge,
  });
}
