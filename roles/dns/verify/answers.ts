import { canonicalAddress } from '../../../src/model/ip-address.ts';

/** What a server said to one question. */
export interface Answer {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … */
  readonly status: string;
  readonly flags: readonly string[];
  /** Values of the type that was asked for, sorted, names without the dot at the end. */
  readonly values: readonly string[];
}

/** Answers as `dig +noall +comments +question +answer` prints them: `NAME TYPE` → what was said. */
export function parseDig(text: string): ReadonlyMap<string, Answer> {
  const answers = new Map<string, Answer>();
  for (const block of text.split(/^;; Got answer:$/m).slice(1)) {
    const status = /status: ([A-Z0-9]+)/.exec(block)?.[1] ?? '';
    const flags = /^;; flags: ([a-z ]*);/m.exec(block)?.[1]?.trim().split(' ') ?? [];
    const [, name, type] = /^;(\S+)\.\s+IN\s+(\S+)$/m.exec(block) ?? /^;(\.)\s+IN\s+(\S+)$/m.exec(block) ?? [];
    if (name === undefined || type === undefined) continue;
    const values = block.split('\n').flatMap((line) => {
      const [, found, value = ''] = /^[^;\s]\S*\s+\d+\s+IN\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      return found === type ? [plainValue(type, value)] : [];
    });
    answers.set(`${name.toLowerCase()} ${type}`, { status, flags, values: values.sort() });
  }
  return answers;
}

function plainValue(type: string, value: string): string {
  if (type === 'A' || type === 'AAAA') return canonicalAddress(value);
  if (type === 'CAA') return value;
  if (type !== 'TXT') return value.toLowerCase().replace(/\.$/, '');
  const parts = [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, part = '']) => part);
  return parts
    .join('')
    .replaceAll(/\\(\d{3})|\\(.)/g, (_, code: string | undefined, sign: string) =>
      code === undefined ? sign : String.fromCharCode(Number(code)),
    );
}

/** What `ask.sh nss` and `ask.sh reverse` printed: what was asked for → what came, sorted. */
export function parseNames(text: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    text.split('\n').flatMap((line): [string, readonly string[]][] => {
      const [word, asked, ...found] = line.trim().split(/\s+/);
      if ((word !== 'name' && word !== 'reverse') || asked === undefined) return [];
      return [[asked, found.map(canonicalAddress).sort()]];
    }),
  );
}

/** A reply to somebody who is none of those that are answered. */
export interface Reply {
  readonly address: string;
  readonly protocol: 'udp' | 'tcp';
  /** Whether it tells a name, or offers to ask for it: refusing is neither. */
  readonly helps: boolean;
}

/** What `ask.sh stranger` printed: headers of RFC 1035, 4.1.1. */
export function parseReplies(text: string): readonly Reply[] {
  return text.split('\n').flatMap((line): Reply[] => {
    const [word, address, protocol, ...bytes] = line.trim().split(/\s+/);
    if (word !== 'reply' || address === undefined || (protocol !== 'udp' && protocol !== 'tcp')) return [];
    const [, , , second = 0, , , high = 0, low = 0] = bytes.map(Number);
    const [canRecurse, code] = [(second & 0x80) !== 0, second & 0x0f];
    const refused = code === 5;
    return [{ address, protocol, helps: bytes.length >= 12 && (high + low > 0 || (canRecurse && !refused)) }];
  });
}
