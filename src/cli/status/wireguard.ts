import { secondsOf } from '../../../roles/wireguard/params.ts';
import { linkStatuses, modelOf } from '../../../roles/wireguard/status/model.ts';
import { type Reading, readLinks } from '../../../roles/wireguard/status/reading.ts';
import { selectHosts } from '../../model/select-hosts.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { painter } from '../../report/style.ts';
import { terminalOf } from '../../report/terminal.ts';
import { type ExitCode, LabError } from '../../shared/errors.ts';
import { lockOf } from '../host-keys.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import { printError } from '../print-error.ts';
import type { StatusOptions } from '../status.ts';
import { exitCodeOf, linkLines, type ShownLink, withDueKeys } from './wireguard-view.ts';

/** `lab status wireguard` */
export async function wireguardStatus(options: StatusOptions): Promise<ExitCode> {
  const maxAge = maxAgeOf(options);
  const { inventory, file } = await inventoryOf(options.inventory);
  const model = modelOf(inventory);
  const selected = new Set(
    selectHosts(inventory, options.limit.length > 0 ? options.limit : ['all']).map(({ name }) => name),
  );
  const pairs = model.pairs.filter((pair) => pair.some((name) => selected.has(name)));
  const asked = [...new Set(pairs.flat())].filter((name) => model.tunnels.has(name));
  if (asked.length === 0)
    throw new LabError('HOST_PATTERN', 'no host with a link is left to ask', {
      expected: `one of ${[...model.tunnels.keys()].join(', ')}`,
      found: options.limit.join(',') || 'a tunnel of one host',
    });
  const checkedAt = new Date().toISOString();
  const outcomes = await onHosts([asked.join(',')], options, (session, { name }) => {
    const params = model.params.get(name);
    if (params === undefined) throw new LabError('INTERNAL', `${name} has no parameters`);
    return readLinks(new FactLoader(session), params);
  });
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
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  const exitCode = exitCodeOf(links, errors, options.strict === true);
  if (options.output === 'json') {
    const hosts = outcomes.map(({ host, error }) => ({
      host: host.name,
      error: error === undefined ? null : { code: error.code, message: error.message },
    }));
    process.stdout.write(`${jsonLine({ version: 1, checkedAt, exitCode, hosts, links })}\n`);
  } else {
    const paint = painter(terminalOf(process.stdout).colors);
    process.stdout.write(`${linkLines(links, options.maxAge, paint).join('\n')}\n`);
  }
  for (const error of errors) printError(error);
  return exitCode;
}

/** @throws LabError USAGE before any host is asked */
function maxAgeOf({ maxAge, strict }: StatusOptions): number | undefined {
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
