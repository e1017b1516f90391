import { formatAddress, parseAddress } from '../../../src/model/ip-address.ts';
import { targetName } from './names.ts';
import type { RecordType } from './record-set.ts';
import { quoted, quotedText, stringsIn } from './text-strings.ts';

type Checked = { readonly value: string } | { readonly problem: string };

/**
 * The value of a record as a person writes it, in the form that `dig` prints, or what is wrong with it. Pure.
 *
 * @param zone without the dot at its end; names without a dot are below it
 * @example
 * declaredValue('MX', '10 mail', 'example.dev') // { value: '10 mail.example.dev.' }
 */
export function declaredValue(type: RecordType, text: string, zone: string): Checked {
  if (/[\n\r\0]/.test(text) && type !== 'TXT') return { problem: 'has to be one line' };
  switch (type) {
    case 'A':
    case 'AAAA':
      return address(type, text);
    case 'CNAME':
    case 'NS':
      return target(text, zone, '');
    case 'MX': {
      const [, preference = '', name = ''] = /^(\d+)\s+(\S+)$/.exec(text) ?? [];
      if (!isUint16(preference))
        return { problem: 'has to be a preference and a name, such as "10 mail.example.dev."' };
      // A null MX says that the domain takes no mail (RFC 7505).
      return name === '.' ? { value: `${Number(preference)} .` } : target(name, zone, `${Number(preference)} `);
    }
    case 'SRV': {
      const [, priority = '', weight = '', port = '', name = ''] = /^(\d+)\s+(\d+)\s+(\d+)\s+(\S+)$/.exec(text) ?? [];
      const numbers = [priority, weight, port];
      if (!numbers.every(isUint16))
        return { problem: 'has to be priority, weight, port and name, such as "0 5 5060 sip.example.dev."' };
      const before = `${numbers.map(Number).join(' ')} `;
      return name === '.' ? { value: `${before}.` } : target(name, zone, before);
    }
    case 'CAA':
      return caa(text);
    case 'TXT':
      if (/^".*"$/s.test(text)) return { problem: 'is written without quotes: they would be part of the text' };
      if (text === '') return { problem: 'has to be some text' };
      return { value: quotedText(text) };
  }
}

/** A value as a server or an API writes it, so that what is equal has equal text. What is no value of that type stays as it is. */
export function canonicalValue(type: RecordType, text: string): string {
  const written = text.trim();
  if (type === 'TXT') {
    const strings = stringsIn(written);
    // How a text is cut into strings makes no difference to who reads it (RFC 7208, 3.3).
    return strings === undefined ? written : quotedText(Buffer.concat(strings));
  }
  const names = type === 'CAA' ? written : written.toLowerCase();
  const checked = declaredValue(type, names, '');
  return 'value' in checked ? checked.value : written;
}

function address(type: 'A' | 'AAAA', text: string): Checked {
  const parsed = parseAddress(text);
  const kind = type === 'A' ? 'ipv4' : 'ipv6';
  if (parsed?.kind() === kind) return { value: formatAddress(parsed) };
  return { problem: type === 'A' ? 'has to be an IPv4 address' : 'has to be an IPv6 address' };
}

function target(text: string, zone: string, before: string): Checked {
  if (parseAddress(text) !== undefined) return { problem: `has to lead to a name, not to the address ${text}` };
  const checked = targetName(text, zone);
  return 'name' in checked ? { value: `${before}${checked.name}` } : checked;
}

/** RFC 8659, 4.1: flags, a tag, and a value that is quoted here in any case. */
function caa(text: string): Checked {
  const [, flags = '', tag = '', rest = ''] = /^(\d+)\s+([A-Za-z0-9]+)\s+(.+)$/.exec(text) ?? [];
  const [value, ...others] = stringsIn(rest) ?? [];
  if (flags === '' || Number(flags) > 255 || value === undefined || others.length > 0)
    return { problem: 'has to be flags, a tag and a value in quotes, such as \'0 issue "letsencrypt.org"\'' };
  return { value: `${Number(flags)} ${tag.toLowerCase()} ${quoted(value)}` };
}

function isUint16(digits: string): boolean {
  return digits !== '' && digits.length <= 5 && Number(digits) <= 65_535;
}
