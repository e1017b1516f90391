import type { StartedHost } from './host.ts';

/** What changes by itself or by logging in: logs, journals of the system, runtime folders, caches. */
const restless = [
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/tmp',
  '/var/log',
  '/var/lib/systemd',
  '/var/cache',
  '/var/tmp',
] as const;

/** One line for every file, folder and link of a host: type, mode, owner, size, checksum or target, path. */
export function fileSystemOf(host: StartedHost, also: readonly string[] = []): Promise<string> {
  const prune = pruned([...restless, ...also]);
  return host.sh(
    `find / ${prune} -printf '%y %m %U:%G %l %p\\n' | sort; find / ${prune} -type f -print0 | sort -z | xargs -0 sha256sum`,
  );
}

function pruned(paths: readonly string[]): string {
  return paths.map((path) => `-path ${path} -prune -o`).join(' ');
}

const accounts = ['/etc/passwd', '/etc/group', '/etc/shadow', '/etc/gshadow', '/etc/subuid', '/etc/subgid'];

/** Read below, in an order that means something, or written anew at every use. */
const readOtherwise = [
  '/var/lib/lab',
  '/var/lib/apt',
  ...['status', 'status-old', 'available', 'available-old', 'lock', 'lock-frontend', 'triggers'].map(
    (name) => `/var/lib/dpkg/${name}`,
  ),
  ...accounts.flatMap((path) => [path, `${path}-`]),
  // Those that useradd(8) and ldconfig(8) write at each use.
  ...['/etc/.pwd.lock', '/etc/ld.so.cache'],
];

/** What is not told by files, each as an administrator would ask for it. An account that comes back stands at the end. */
const asked = `
for file in ${accounts.join(' ')}; do
  stat -c '%n %a %U %G' "$file"
  # The order of the lines, and of a group's members, means nothing.
  awk -F : -v OFS=: '/group|gshadow/ || NF == 4 { n = split($4, m, ","); s = ""; for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (m[j] < m[i]) { t = m[i]; m[i] = m[j]; m[j] = t } for (i = 1; i <= n; i++) s = s (i > 1 ? "," : "") m[i]; $4 = s } { print }' "$file" | sort
done
if command -v dpkg-query >/dev/null; then
  dpkg-query -W -f='\${binary:Package} \${Version} \${db:Status-Abbrev}\\n' | grep -v ' un '
  echo manual; apt-mark showmanual; echo held; apt-mark showhold
fi
systemctl list-unit-files --no-legend | awk '$1 !~ /^lab-guard-/ { print $1, $2 }'
systemctl list-units --no-legend --plain --state=active,activating,failed --type=service,timer,mount,socket |
  awk '$1 !~ /^(lab-guard-|user@|user-runtime-dir@)/ { print $1, $2, $3, $4 }' | sort
uname -n
cat /proc/self/mounts
cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_local_port_range
`;

/**
 * The state of a whole host, to be compared with itself later. The checksums of files that were not touched since the last
 * look are remembered.
 */
export class WholeState {
  readonly #host: StartedHost;
  readonly #prune: string;
  readonly #sums = new Map<string, string>();
  #lookedAt = '@0';

  /** @param except further paths that are no part of the state */
  constructor(host: StartedHost, except: readonly string[] = []) {
    this.#host = host;
    this.#prune = pruned([...restless, ...readOtherwise, ...except]);
  }

  /** One line a file or fact; files that have ACLs or extended attributes are told with them where the host has getfattr. */
  async read(): Promise<readonly string[]> {
    const text = await this.#host.sh(`
      date +'@%s.%N'
      find / ${this.#prune} -type f -newerct '${this.#lookedAt}' -print0 | xargs -0 -r sha256sum
      echo ---
      find / ${this.#prune} -printf '%y %m %U:%G %l %p\\n' | sort
      echo ---
      if command -v getfattr >/dev/null; then getfattr -R -P -h -d -m - /etc /srv /opt 2>/dev/null; fi
      ${asked}`);
    const [sums = '', files = '', facts = ''] = text.split('\n---\n');
    const [now = '@0', ...changed] = sums.split('\n');
    // A file may change within the same tick of the clock: what was touched just now is looked at again.
    this.#lookedAt = `@${Number(now.slice(1)) - 1}`;
    for (const line of changed) this.#sums.set(line.slice(66), line.slice(0, 64));
    const lines = files.split('\n').map((line) => {
      const path = line.slice(line.indexOf('/'));
      return line.startsWith('f ') ? `${line} ${this.#sums.get(path)}` : line;
    });
    return [...lines, ...facts.split('\n')];
  }
}
