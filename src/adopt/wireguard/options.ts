import type { Note } from '../entries.ts';
import type { Option, Section } from './config-file.ts';
import type { FoundDevice } from './devices.ts';
import type { Member } from './members.ts';

/** What becomes of an option that the entries do not hold; null for nothing worth a word. */
type Fate = string | null | ((value: string) => string | null);

const commands: readonly (readonly [RegExp, string])[] = [
  [/wg\s+set\s.*\b(?:private-key|preshared-key)\b/, 'nothing: the role keeps the key that runs'],
  [
    /MASQUERADE|masquerade|SNAT|snat/,
    "who leaves through this host says so: params: { firewall: { internet: 'tunnel' } } on it, and the role firewall translates here; answers to strangers need nothing, services with a public name do that",
  ],
  [/-[AID]\s+FORWARD|forward/, 'a flow: the role firewall lets a gateway pass on what flows name'],
  [/DNAT|dnat|PREROUTING/, "a service with mode: 'tcp' or 'udp' and public: […]: the role vps-gateway forwards it"],
  [
    /-[AID]\s+INPUT|ufw\s+allow|input/,
    'a flow to this host; the port of the tunnel itself is open by the role firewall',
  ],
  [/sysctl|ip_forward|forwarding/, 'nothing: the role lets gateways and hosts with a site forward'],
  [
    /\bip\s+(?:-[46]\s+)?(?:route|rule)\b/,
    'params: { wireguard: { sites: […] } } of the host that the prefix is behind',
  ],
  [/resolvectl|resolvconf/, 'the role dns'],
];

const hook: Fate = (value) => {
  const [, fate = 'a unit or a command of a playbook of yours'] =
    commands.find(([pattern]) => pattern.test(value)) ?? [];
  return `${fate}; what it did stays until the next boot, and is not done again`;
};

/** Names in lower case. */
const fates: Readonly<Record<string, Fate>> = {
  privatekey: null,
  publickey: null,
  presharedkey: null,
  privatekeyfile: 'the key goes to where the role keeps it; this file is yours to remove',
  presharedkeyfile: 'the key goes to where the role keeps it; this file is yours to remove',
  address: null,
  listenport: null,
  mtu: (value) => (Number(value) >= 1280 ? null : 'the role takes 1280 and more: IPv6 needs that'),
  mtubytes: null,
  allowedips: (value) =>
    /(?:^|[\s,])(?:0\.0\.0\.0|::)\/0/.test(value)
      ? "params: { firewall: { internet: 'tunnel' } }, with the role firewall. Take it out before the first run, which refuses it: wg-quick's own rules for it would cut the tunnel"
      : null,
  endpoint: null,
  persistentkeepalive: null,
  table: (value) =>
    /^(?:off|auto|main)$/i.test(value) ? null : 'no table of its own: the routes of the role are in the main one',
  routetable: 'no table of its own: the routes of the role are in the main one',
  dns: 'the role dns; the configurations of devices get params: { wireguard: { dns: […] } }',
  saveconfig: (value) =>
    value === 'true' ? 'no: the file comes from the inventory, and what runs now is what is taken' : null,
  fwmark:
    "params: { firewall: { internet: 'tunnel' } } sets one of its own; take it out before the first run, which refuses it",
  firewallmark:
    "params: { firewall: { internet: 'tunnel' } } sets one of its own; take it out before the first run, which refuses it",
  postup: hook,
  preup: hook,
  postdown: hook,
  predown: hook,
  name: null,
  kind: null,
  description: null,
  destination: null,
  scope: null,
  requiredforonline: null,
};

/** Options of a host that the model has no place for, and comments that name no device, with file and line. */
export function optionNotes(members: readonly Member[], devices: readonly FoundDevice[]): Note[] {
  const used = new Set(devices.map(({ publicKey }) => publicKey));
  return members.flatMap((member) =>
    member.tunnel.sections.flatMap((section) => [
      ...section.options.flatMap((option) => noteOf(member, section, option)),
      ...section.comments
        .filter(({ text }) => text !== '' && !namesDevice(section, used))
        .map(({ text, line }) => ({
          host: member.host,
          file: section.file,
          line,
          found: `# ${text}`,
          instead: 'a comment of the inventory',
        })),
    ]),
  );
}

function namesDevice({ options }: Section, used: ReadonlySet<string>): boolean {
  return options.some(({ name, value }) => name.toLowerCase() === 'publickey' && used.has(value));
}

function noteOf({ host }: Member, { file }: Section, { name, value, line }: Option): Note[] {
  const known = Object.hasOwn(fates, name.toLowerCase());
  const fate = known ? (fates[name.toLowerCase()] ?? null) : 'no place in the model: the first run leaves it out';
  const instead = typeof fate === 'function' ? fate(value) : fate;
  return instead === null ? [] : [{ host, file, line, found: `${name} = ${value}`, instead }];
}
