import { InvalidArgumentError } from 'commander';
import { canonicalAddress, formatPrefix, networkOf, parseAddress, parsePrefix } from '../model/ip-address.ts';

/**
 * @example homeList('203.0.113.7,2001:db8:7::1/56') // ['203.0.113.7', '2001:db8:7::/56']
 * @throws InvalidArgumentError for what is neither an address nor a prefix
 */
export function homeList(text: string, before: readonly string[] = []): string[] {
  const addresses = text.split(',').map((part) => {
    const item = part.trim();
    const prefix = parsePrefix(item);
    if (prefix !== undefined) return formatPrefix(networkOf(prefix));
    if (parseAddress(item) !== undefined) return canonicalAddress(item);
    throw new InvalidArgumentError(`"${item}" is no address and no prefix such as 2001:db8:7::/56.`);
  });
  return [...before, ...addresses];
}

/**
 * @example serverAddress('9.9.9.9:5353')
 * @throws InvalidArgumentError for a name, which would have to be resolved first
 */
export function serverAddress(text: string): string {
  const [, address = text, port = '53'] =
    /^\[?([^[\]]+?)\]?:(\d{1,5})$/.exec(parseAddress(text) === undefined ? text : '') ?? [];
  if (parseAddress(address) === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw new InvalidArgumentError(`"${text}" is no address such as 9.9.9.9 or [2620:fe::fe]:53.`);
  return text;
}

/** @throws InvalidArgumentError for anything but a URL of http or https */
export function echoUrl(text: string): string {
  const isUrl = URL.canParse(text) && /^https?:\/\//.test(text) && !/\s/.test(text);
  if (!isUrl) throw new InvalidArgumentError(`"${text}" is no address such as https://ip.example.org/.`);
  return text;
}
