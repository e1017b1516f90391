import type { Frame } from '../frames.ts';
import type { SystemFact } from './contract.ts';

/** Lines `key=value` of a frame; a key may come several times. */
export function parsePairs(body: Buffer | undefined): [string, string][] {
  return (body?.toString() ?? '')
    .split('\n')
    .filter((line) => line.includes('='))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
}

/** Reads what `lab_read_system` answered. */
export function parseSystem(frame: Frame | undefined): SystemFact {
  const pairs = new Map<string, string>();
  const release = new Map<string, string>();
  for (const [key, value] of parsePairs(frame?.body)) {
    if (key === 'os') release.set(value.slice(0, value.indexOf('=')), unquote(value.slice(value.indexOf('=') + 1)));
    else pairs.set(key, value);
  }
  const [hostname = '', kernel = '', architecture = ''] = (pairs.get('uname') ?? '').split(' ');
  const init = pairs.get('init');
  const manager = pairs.get('packages');
  return {
    hostname,
    kernel,
    architecture,
    os: release.get('ID') ?? 'unknown',
    osVersion: release.get('VERSION_ID') ?? '',
    osName: release.get('PRETTY_NAME') ?? release.get('ID') ?? 'unknown',
    codename: release.get('VERSION_CODENAME') ?? '',
    init: init === 'systemd' || init === 'openrc' ? init : 'other',
    packageManager:
      manager === 'apt-get' ? 'apt' : manager === 'apk' || manager === 'dnf' || manager === 'pacman' ? manager : 'none',
    container: pairs.get('container') || null,
    bootId: pairs.get('boot') ?? '',
    uptimeSeconds: Math.floor(Number(pairs.get('uptime') ?? 0)),
    cpus: countCpus(pairs.get('cpus') ?? '0'),
    memoryBytes: Number(/\d+/.exec(pairs.get('memory') ?? '')?.[0] ?? 0) * 1024,
    uid: Number(pairs.get('uid') ?? -1),
    rebootRequired: pairs.get('reboot') === 'yes',
  };
}

/** Values of os-release are quoted as in a shell: os-release(5). */
function unquote(value: string): string {
  return /^(["']).*\1$/.test(value) ? value.slice(1, -1).replaceAll(/\\(["'$`\\])/g, '$1') : value;
}

/** `0-3,6` → 5 */
function countCpus(ranges: string): number {
  return ranges.split(',').reduce((sum, range) => {
    const [first = 0, last] = range.split('-').map(Number);
    return sum + (last === undefined ? 1 : last - first + 1);
  }, 0);
}
