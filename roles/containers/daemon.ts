import { LabError } from '../../src/index.ts';
import type { Params } from './params.ts';

export const daemonFile = '/etc/docker/daemon.json';

type Settings = Readonly<Record<string, unknown>>;

/** Drivers that keep a file which the engine can bound (docs.docker.com, "Configure logging drivers"). */
const fileDrivers: readonly unknown[] = [undefined, 'json-file', 'local'];

/**
 * The settings of the Docker daemon with what the role wants in them; all else stays. Pure.
 *
 * @param before text of daemon.json; null without one
 * @throws LabError PLAN_IMPOSSIBLE when it is no JSON object
 * @example
 * hardened('{ "bip": "172.26.0.1/16" }', params.parse({})) // { "bip": …, "no-new-privileges": true, "icc": false, … }
 */
export function hardened(before: string | null, params: Params): string {
  const settings = parse(before);
  const { hosts, ...rest } = settings;
  const options = isObject(rest['log-opts']) ? rest['log-opts'] : {};
  const wanted: Settings = {
    ...rest,
    ...(withoutTcp(hosts) === undefined ? {} : { hosts: withoutTcp(hosts) }),
    'no-new-privileges': params.noNewPrivileges,
    'live-restore': params.liveRestore,
    icc: params.interContainer,
    ...(fileDrivers.includes(rest['log-driver'])
      ? { 'log-opts': { ...options, 'max-size': params.log.maxSize, 'max-file': String(params.log.maxFiles) } }
      : {}),
    ...(params.usernsRemap === 'default' ? { 'userns-remap': 'default' } : {}),
  };
  return `${JSON.stringify(wanted, null, 2)}\n`;
}

/** Whether two texts say the same to the daemon, however they are written. */
export function saysTheSame(before: string | null, after: string): boolean {
  return before !== null && canonical(parse(before)) === canonical(parse(after));
}

function parse(text: string | null): Settings {
  if (text === null || text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable((error as Error).message);
  }
  if (!isObject(value)) throw unreadable('no JSON object');
  return value;
}

function unreadable(found: string): LabError {
  return new LabError('PLAN_IMPOSSIBLE', `${daemonFile} cannot be read`, {
    expected: 'a JSON object with settings of the Docker daemon',
    found,
    hint: 'the daemon would not start with it either: mend it, or move it away',
  });
}

/** Whoever reaches the daemon over TCP without TLS is root on the host. */
function withoutTcp(hosts: unknown): readonly unknown[] | undefined {
  if (!Array.isArray(hosts)) return undefined;
  const left = hosts.filter((host) => !String(host).startsWith('tcp:'));
  return left.length === 0 ? undefined : left;
}

function isObject(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
}
