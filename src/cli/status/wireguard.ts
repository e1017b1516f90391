import type { LinkState, LinkStatus } from '../../../roles/wireguard/status/classify.ts';
import { linkStatuses, modelOf } from '../../../roles/wireguard/status/model.ts';
import { type Reading, readLinks } from '../../../roles/wireguard/status/reading.ts';
import { selectHosts } from '../../model/select-hosts.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { showAge, showSize } from '../../report/quantities.ts';
import { painter, type Style } from '../../report/style.ts';
import { tableLines } from '../../report/table.ts';
import { terminalOf } from '../../report/terminal.ts';
import { visible } from '../../report/visible.ts';
import { type ExitCode, exitCodes, formatError, LabError } from '../../shared/errors.ts';
import { lockOf } from '../host-keys.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import type { StatusOptions } from '../status.ts';

/** `lab status wireguard` */
export async function wireguardStatus(options: StatusOptions): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const model = modelOf(inventory);
  const selected = new Set(
    selectHosts(inventory, options.limit.length > 0 ? options.limit : ['all']).map(({ name }) => name),
  );
  const pairs = model.pairs.filter((pair) => pair.some((name) => selected.has(name)));
  const asked = [...new Set(pairs.flat())].filter((name) => model.tunnels.has(name));
  if (asked.length === 0)
    throw new LabError('HOST_PATTERN', 'no host of the tunnel is left to ask', { found: options.limit.join(',') });
  const checkedAt = new Date().toISOString();
  const outcomes = await onHosts([asked.join(',')], options, (session) =>
    readLinks(new FactLoader(session), model.params),
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
  const links = linkStatuses(model, pairs, readings, devices);
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  if (options.output === 'json') {
    const hosts = outcomes.map(({ host, error }) => ({ host: host.name, error: error?.message ?? null }));
    process.stdout.write(`${jsonLine({ version: 1, checkedAt, hosts, links })}\n`);
  } else process.stdout.write(`${lines(links).join('\n')}\n`);
  for (const error of errors) process.stderr.write(`${formatError(error)}\n`);
  return exitCodeOf(links, errors);
}

function exitCodeOf(links: readonly LinkStatus[], errors: readonly LabError[]): ExitCode {
  const has = (...states: readonly LinkState[]) => links.some(({ state }) => states.includes(state));
  if (has('down', 'stale')) return exitCodes.hostFailed;
  if (has('half', 'unknown') || errors.length > 0) return exitCodes.hostUnreachable;
  return has('rotating') ? exitCodes.changesFound : exitCodes.asDeclared;
}

const colors: Partial<Record<LinkState, Style>> = {
  up: 'green',
  down: 'red',
  stale: 'red',
  rotating: 'yellow',
  half: 'yellow',
};

function lines(links: readonly LinkStatus[]): string[] {
  const paint = painter(terminalOf(process.stdout).colors);
  const [heading = '', ...rows] = tableLines(
    ['LINK', 'STATE', 'HANDSHAKE', 'RECEIVED', 'SENT', 'ENDPOINT', 'KEY AGE'],
    links.map(({ ends, state, handshakeAge, received, sent, endpoint, keyAge }) => [
      ends.join(' – '),
      state,
      handshakeAge === null ? '' : `${showAge(handshakeAge)} ago`,
      received === null ? '' : showSize(received),
      sent === null ? '' : showSize(sent),
      endpoint ?? '',
      keyAge === null ? '' : showAge(keyAge),
    ]),
  );
  const painted = rows.map((row, index) => {
    const state = links[index]?.state ?? 'unknown';
    const color = colors[state];
    return color === undefined ? row : row.replace(` ${state}`, ` ${paint(color, state)}`);
  });
  const remarks = links.flatMap(({ ends, problems }) =>
    problems.map((text) => visible(`${ends.join(' – ')}: ${text}`)),
  );
  return [heading, ...painted, ...(remarks.length === 0 ? [] : ['', ...remarks])];
}
