/** What a host shall ask. */
export interface Asking {
  /** Addresses, in the order in which they are asked. */
  readonly servers: readonly string[];
  readonly domain: string;
  /** Whether those that were there before are asked when none of ours answers. */
  readonly fallback: 'previous' | 'none';
}

export const heading = '# Written by lab, role dns. What stood here before:';
const kept = '# before: ';

/** resolv.conf(5): the C library reads no more. */
const maxServers = 3;

/**
 * resolv.conf(5) with our resolvers first. Search domains and options stay; of the name servers of before there is one left, as the last
 * resort. They are kept as comments, so that the text says the same however often it is written. Pure.
 *
 * @example
 * resolvConf('nameserver 192.168.1.1\n', { servers: ['10.80.0.10'], domain: 'home.arpa', fallback: 'previous' })
 */
export function resolvConf(before: string, { servers, domain, fallback }: Asking): string {
  const original = originalOf(before);
  const valuesOf = (keyword: string) =>
    original.flatMap((line) => {
      const [first, ...words] = line.split(/\s+/);
      return first === keyword ? [words] : [];
    });
  const others = valuesOf('nameserver').flatMap(([address]) =>
    address === undefined || servers.includes(address) ? [] : [address],
  );
  const last = fallback === 'previous' ? others.slice(0, 1) : [];
  // The last of the two keywords counts.
  const search = [...valuesOf('domain'), ...valuesOf('search')].at(-1) ?? [];
  const options = valuesOf('options').flat();
  const isSet = (name: string) => options.some((option) => option.startsWith(`${name}:`));
  return `${[
    heading,
    ...original.map((line) => `${kept}${line}`),
    ...[...servers.slice(0, maxServers - last.length), ...last].map((address) => `nameserver ${address}`),
    `search ${[...new Set([domain, ...search])].join(' ')}`,
    // One that is down costs two seconds, not five.
    `options ${[...options, ...(isSet('timeout') ? [] : ['timeout:2']), ...(isSet('attempts') ? [] : ['attempts:2'])].join(' ')}`,
  ].join('\n')}\n`;
}

/** The lines that count, as they were before this role came. */
function originalOf(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim());
  if (lines[0] === heading) return lines.flatMap((line) => (line.startsWith(kept) ? [line.slice(kept.length)] : []));
  return lines.filter((line) => line !== '' && !/^[#;]/.test(line));
}

/** Who says in the file that it is theirs; null when nobody does. */
export function writerOf(text: string): string | null {
  const comments = text
    .split('\n')
    .filter((line) => /^[#;]/.test(line) && line.trim() !== heading && !line.startsWith(kept));
  const found = comments.join('\n').match(writers);
  return found === null ? null : found[0];
}

const writers =
  /NetworkManager|resolvconf|dhcpcd|dhclient|connman|tailscale|netbird|systemd-resolved|netconfig|WSL|cloud-init|openvpn/i;

/** The drop-in for systemd-resolved (resolved.conf(5)). */
export function resolvedConf({ servers, domain }: Asking, routed: readonly string[] | 'all'): string {
  const domains = routed === 'all' ? ['~.'] : routed.map((name) => `~${name}`);
  return `# Written by lab, role dns.
[Resolve]
DNS=${servers.join(' ')}
Domains=${[domain, ...domains].join(' ')}
`;
}
