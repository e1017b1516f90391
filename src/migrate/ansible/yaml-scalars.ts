import { type Value, wholeNumber } from './values.ts';

/**
 * What PyYAML, which is YAML 1.1, makes of a plain scalar. It differs from the parser that labwright uses otherwise:
 * `1e3` and `y` are text, `0644` is 420, `1:30` is 90. Dates stay text.
 *
 * Source: PyYAML 6.0, the implicit resolvers and constructors of its SafeLoader.
 */
export function plainScalar(text: string): Value {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/.test(text)) return true;
  if (/^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(text)) return false;
  return whole(text) ?? float(text) ?? text;
}

/** The same for JSON, where a plain scalar that is no word is a number. */
export function jsonScalar(text: string): Value {
  if (/^-?\d+$/.test(text)) return wholeNumber(BigInt(text));
  return /^-?\d/.test(text) ? Number(text) : plainScalar(text);
}

function whole(text: string): number | string | undefined {
  const found = /^([-+]?)(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*(?::[0-5]?[0-9])*)$/.exec(text);
  if (found === null) return undefined;
  const digits = (found[2] ?? '').replaceAll('_', '');
  const sign = found[1] === '-' ? -1n : 1n;
  if (/^0[0-7]+$/.test(digits)) return wholeNumber(sign * BigInt(`0o${digits.slice(1)}`));
  // Only underscores behind the prefix: PyYAML stops there, and so nobody has it.
  if (/^0[bx]$/.test(digits)) return undefined;
  return wholeNumber(sign * digits.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n));
}

const floats = [
  /^[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?$/,
  /^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$/,
  /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$/,
];

function float(text: string): number | string | undefined {
  if (!floats.some((pattern) => pattern.test(text))) return undefined;
  const digits = text.replaceAll('_', '').replace(/^[-+]/, '');
  const number = digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return text.startsWith('-') ? -number : number;
}
