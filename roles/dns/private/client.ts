import { type Change, defineResource, KnownAfterApply, LabError, z } from '../../../src/index.ts';
import { resolvConf, resolvedConf, writerOf } from './resolv-conf.ts';

const path = '/etc/resolv.conf';
const folder = '/etc/systemd/resolved.conf.d';
const dropIn = `${folder}/lab.conf`;

/** Who writes the file on this host, beside those who say so in it. A lease of dhclient(8) is renewed by a running one alone. */
const look = `active() { command -v systemctl >/dev/null && systemctl -q is-active "$1" 2>/dev/null; }
active systemd-resolved.service && echo resolved
if active NetworkManager.service && ! NetworkManager --print-config 2>/dev/null | grep -Eq '^(dns=none|rc-manager=unmanaged)$'; then echo 'writer NetworkManager'; fi
active connman.service && echo 'writer connman'
for name in dhclient dhcpcd udhcpc; do
  for exe in /proc/[0-9]*/comm; do
    read -r comm 2>/dev/null <"$exe" || continue
    [ "$comm" = "$name" ] && [ "$(readlink "\${exe%comm}ns/net")" = "$(readlink /proc/self/ns/net)" ] && echo "writer $name"
  done
done
exit 0`;

const restart = {
  do: 'run' as const,
  argv: ['systemctl', 'try-restart', 'systemd-resolved.service'],
  timeoutSeconds: 60,
};

/**
 * Which name servers a host asks. Where systemd-resolved holds `/etc/resolv.conf`, by a drop-in; else in that file, when it is one
 * that nobody else writes.
 *
 * @throws LabError PLAN_IMPOSSIBLE when somebody else writes it
 */
export const nameServers = defineResource({
  type: 'name-servers',
  props: z.strictObject({
    /** In the order in which they are asked; none while none of them answers. */
    servers: z.array(z.string()),
    domain: z.string(),
    /** Domains that are asked here alone, where systemd-resolved is; or everything. */
    routed: z.union([z.literal('all'), z.array(z.string())]),
    fallback: z.enum(['previous', 'none']),
  }),
  id: () => path,
  async read(host) {
    const [fact, content, settings, parent, { stdout }] = await Promise.all([
      host.file(path),
      host.content(path),
      host.content(dropIn),
      host.file(folder),
      host.run(['sh', '-c', look]),
    ]);
    const said = stdout.trim().split('\n');
    return {
      fact,
      text: content === null ? '' : Buffer.from(content).toString(),
      settings: settings === null ? null : Buffer.from(settings).toString(),
      hasFolder: parent.kind === 'directory',
      hasResolved: said.includes('resolved'),
      writers: said.flatMap((line) => (line.startsWith('writer ') ? [line.slice(7)] : [])),
    };
  },
  diff(props, { fact, text, settings, hasFolder, hasResolved, writers }): readonly Change[] {
    if (props.servers.length === 0) throw new KnownAfterApply('none of the resolvers answers yet');
    const target = fact.target ?? '';
    if (hasResolved && fact.kind === 'symlink' && /systemd\/(resolve\/|resolv\.conf$)/.test(target)) {
      const after = resolvedConf(props, props.routed);
      if (settings === after) return [];
      const owned = { owner: 'root', group: 'root' };
      return [
        {
          attribute: 'systemd-resolved',
          before: settings,
          after,
          apply: [
            ...(hasFolder ? [] : [{ do: 'directory' as const, path: folder, mode: '0755', ...owned }]),
            { do: 'write', path: dropIn, content: after, mode: '0644', ...owned },
            restart,
          ],
          revert: [
            { do: 'restore', path: dropIn },
            ...(hasFolder ? [] : [{ do: 'restore' as const, path: folder }]),
            restart,
          ],
        },
      ];
    }
    const writer = fact.kind === 'symlink' ? `a link to ${target}` : (writers[0] ?? writerOf(text));
    if (writer !== null) throw leftAlone(writer);
    if (fact.kind !== 'file' && fact.kind !== 'absent') throw leftAlone(`a ${fact.kind}`);
    if (props.routed !== 'all')
      throw new LabError('PLAN_IMPOSSIBLE', `${path} cannot ask some names here and others elsewhere`, {
        expected: "systemd-resolved on this host, for params.dns.clients: 'domain'",
        found: 'a file that the C library reads',
        hint: "install systemd-resolved there, or take clients: 'all'",
      });
    const after = resolvConf(text, props);
    if (text === after) return [];
    const { mode, owner, group } = fact.kind === 'file' ? fact : { mode: '0644', owner: 'root', group: 'root' };
    return [
      {
        attribute: 'content',
        before: fact.kind === 'file' ? text : null,
        after,
        apply: [{ do: 'write', path, content: after, mode, owner, group }],
        revert: [{ do: 'restore', path }],
      },
    ];
  },
});

function leftAlone(found: string): LabError {
  return new LabError('PLAN_IMPOSSIBLE', `${path} is written by somebody else, and left alone`, {
    expected: 'systemd-resolved, or a file that nobody else writes',
    found,
    hint: "let that one name the resolvers (the router's DHCP, NetworkManager), and set params.dns.clients: 'none' for this host; or install systemd-resolved",
  });
}
