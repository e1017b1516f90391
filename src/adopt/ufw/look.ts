import type { Facts } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';

/** A rule of ufw(8) as its files have it. */
export interface UfwRule {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** `allow`, `deny`, `reject`, `limit`. */
  readonly action: string;
  /** A rule for what the host passes on. */
  readonly isRoute: boolean;
  readonly isLogged: boolean;
  readonly protocol: string;
  /** `any`, `22`, `80,443`, `8000:8010` */
  readonly ports: string;
  readonly destination: string;
  readonly sourcePorts: string;
  readonly source: string;
  readonly direction: 'in' | 'out';
  readonly interfaces: readonly string[];
  readonly comment: string;
}

export interface FoundUfw {
  readonly host: string;
  readonly isActive: boolean;
  /** `incoming` → `ACCEPT`, `DROP`, `REJECT` */
  readonly policies: ReadonlyMap<string, string>;
  readonly rules: readonly UfwRule[];
  /** Files of ufw that somebody has edited. */
  readonly edited: readonly string[];
  /** Addresses with their lengths, by interface, of interfaces with a wire. */
  readonly wires: readonly { readonly interface: string; readonly address: string }[];
}

const files = ['/etc/ufw/user.rules', '/etc/ufw/user6.rules'] as const;
/** Edited files of the package, and addresses of interfaces that are no loopback, tunnel or bridge of containers. */
const look = `command -v ufw >/dev/null && echo present
dpkg -V ufw 2>/dev/null | sed -n 's,^..5.* c /,edited /,p'
ip -o address show scope global 2>/dev/null | while read -r _ name _ address _; do
  case $name in docker*|br-*|veth*|virbr*|cni*|podman*|lxdbr*|tun*|wg*) continue ;; esac
  [ "$(cat "/sys/class/net/$name/type" 2>/dev/null)" = 1 ] && printf 'wire %s %s\\n' "$name" "$address"
done; exit 0`;

/**
 * Reads a host, and changes nothing.
 *
 * @throws LabError PLAN_IMPOSSIBLE where there is no ufw
 */
export async function lookForUfw(facts: Facts, host: string): Promise<FoundUfw> {
  const [{ stdout }, settings, defaults, ...texts] = await Promise.all([
    facts.run(['sh', '-c', look]),
    facts.content('/etc/ufw/ufw.conf'),
    facts.content('/etc/default/ufw'),
    ...files.map((file) => facts.content(file)),
  ]);
  const lines = stdout.split('\n');
  if (!lines.includes('present'))
    throw new LabError('PLAN_IMPOSSIBLE', 'there is no ufw on this host', {
      host,
      expected: 'a host whose rules ufw holds',
      hint: 'lab reach shows what flows come to; the role firewall takes nftables by itself',
    });
  return {
    host,
    isActive: /^ENABLED=yes/m.test(textOf(settings)),
    policies: new Map(
      [...textOf(defaults).matchAll(/^DEFAULT_(INPUT|OUTPUT|FORWARD)_POLICY="?([A-Z]+)"?/gm)].map(
        ([, name = '', policy = '']) => [name, policy],
      ),
    ),
    rules: texts.flatMap((text, index) => parseUserRules(files[index] ?? '', textOf(text))),
    edited: lines.flatMap((line) => (line.startsWith('edited ') ? [line.slice(7)] : [])),
    wires: lines.flatMap((line) => {
      const [word, name = '', address = ''] = line.split(' ');
      return word === 'wire' ? [{ interface: name, address }] : [];
    }),
  };
}

/**
 * The rules of user.rules or user6.rules, whose comments are how ufw itself reads them:
 * `### tuple ### ACTION PROTOCOL PORTS DESTINATION SOURCE-PORTS SOURCE [APPLICATION APPLICATION] DIRECTION[_INTERFACE] [comment=HEX]`.
 */
export function parseUserRules(file: string, text: string): UfwRule[] {
  return text.split('\n').flatMap((raw, index): UfwRule[] => {
    if (!raw.startsWith('### tuple ### ')) return [];
    const words = raw.slice('### tuple ### '.length).split(' ');
    const [, hex] = /^comment=([0-9a-f]*)$/.exec(words.at(-1) ?? '') ?? [];
    const plain = hex === undefined ? words : words.slice(0, -1);
    const [action = '', protocol = 'any', ports = 'any', destination = '', sourcePorts = 'any', source = ''] = plain;
    const where = plain.length > 6 ? (plain.at(-1) ?? 'in') : 'in';
    return [
      {
        ...{ file, line: index + 1, protocol, ports, destination, sourcePorts, source },
        action: action.replace(/^route:/, '').replace(/_log(-all)?$/, ''),
        isRoute: action.startsWith('route:'),
        isLogged: /_log(-all)?$/.test(action),
        direction: where.startsWith('out') ? 'out' : 'in',
        interfaces: [...where.matchAll(/(?:in|out)_([^!]+)/g)].map(([, name = '']) => name),
        comment: Buffer.from(hex ?? '', 'hex').toString(),
      },
    ];
  });
}

function textOf(content: Uint8Array | null | undefined): string {
  return content === null || content === undefined ? '' : Buffer.from(content).toString();
}
