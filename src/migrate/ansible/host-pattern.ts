import { parseAddress } from '../../model/ip-address.ts';

/** More hosts than anybody has come from a slip of the finger. */
const maximumHosts = 10_000;

/** A pattern of hosts that means nothing. */
export class BadHostPattern extends Error {}

export interface HostPattern {
  readonly names: readonly string[];
  readonly port: number | undefined;
}

/**
 * `web[01:10:2].example.com:2222` as Ansible reads it: names, and the port if one is given. Several ranges multiply.
 *
 * Source: Ansible documentation, "How to build your inventory", Adding ranges of hosts.
 *
 * @throws BadHostPattern
 */
export function readHostPattern(pattern: string): HostPattern {
  const { name, port } = splitPort(pattern);
  if (port === undefined && pattern.endsWith(':')) throw new BadHostPattern('nothing stands after the colon');
  return { names: expandRanges(name), port };
}

const range = '\\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\\]';
const label = `(?:[\\p{L}\\p{N}_]|${range})(?:[\\p{L}\\p{N}_-]|${range})*(?<![_-])`;
const hostName = new RegExp(`^${label}(?:\\.${label})*$`, 'iu');

/** A port is split off only from what then is a name or an address: `[2001:db8::1]:22`, never `2001:db8::1`. */
function splitPort(pattern: string): { readonly name: string; readonly port: number | undefined } {
  let name = pattern;
  let port: number | undefined;
  for (const form of [/^\[(.+)\]:(\d+)$/, /^((?:[^:[\]]|\[[^\]]*\])*):(\d+)$/]) {
    const [, before, digits] = form.exec(name) ?? [];
    if (before === undefined) continue;
    name = before;
    port = Number(digits);
  }
  return port === undefined || !isNameOrAddress(name) ? { name: pattern, port: undefined } : { name, port };
}

function isNameOrAddress(text: string): boolean {
  return hostName.test(text) || parseAddress(text.replaceAll(/\[[0-9a-f]+:[0-9a-f]+(?::\d+)?\]/gi, '1')) !== undefined;
}

function expandRanges(name: string): string[] {
  const found = /^([^[]*)\[([^\]]*)\](.*)$/.exec(name);
  if (found === null) {
    if (name.includes('[')) throw new BadHostPattern('nothing closes the bracket');
    return [name];
  }
  const [, head = '', bounds = '', tail = ''] = found;
  const steps = stepsOf(bounds);
  const rest = expandRanges(tail);
  if (steps.length * rest.length > maximumHosts) throw new BadHostPattern(`these are more than ${maximumHosts} hosts`);
  return steps.flatMap((step) => rest.map((end) => `${head}${step}${end}`));
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

function stepsOf(bounds: string): string[] {
  const [begin = '', end, step = '1', ...more] = bounds.split(':');
  if (end === undefined || more.length > 0) throw new BadHostPattern('a range is begin:end or begin:end:step');
  if (end === '') throw new BadHostPattern('the range has no end');
  if (!/^[1-9]\d*$/.test(step)) throw new BadHostPattern('the step has to be a whole number from 1');
  if (/^[A-Za-z]$/.test(begin) && /^[A-Za-z]$/.test(end))
    return count(letters.indexOf(begin), letters.indexOf(end), Number(step)).map((at) => letters[at] ?? '');
  const first = begin === '' ? '0' : begin;
  if (!/^\d+$/.test(first) || !/^\d+$/.test(end))
    throw new BadHostPattern('a range goes from number to number, or from letter to letter');
  const isPadded = first.length > 1 && first.startsWith('0');
  if (isPadded && first.length !== end.length)
    throw new BadHostPattern('with leading zeros, begin and end have to be of the same length');
  const width = isPadded ? first.length : 0;
  return count(Number(first), Number(end), Number(step)).map((number) => String(number).padStart(width, '0'));
}

function count(first: number, last: number, step: number): number[] {
  if (first > last) throw new BadHostPattern('the range begins after its end');
  const length = Math.floor((last - first) / step) + 1;
  if (length > maximumHosts) throw new BadHostPattern(`these are more than ${maximumHosts} hosts`);
  return Array.from({ length }, (_, at) => first + at * step);
}
