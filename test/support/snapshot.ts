import type { StartedHost } from './host.ts';

/**
 * One line for every file, folder and link of a host: type, mode, owner, size, checksum or target, path. Left out is what
 * changes by itself or by logging in: logs, journals of the system, runtime folders, caches of the package manager.
 */
export function fileSystemOf(host: StartedHost, also: readonly string[] = []): Promise<string> {
  const left = [
    '/proc',
    '/sys',
    '/dev',
    '/run',
    '/tmp',
    '/var/log',
    '/var/lib/systemd',
    '/var/cache',
    '/var/tmp',
    ...also,
  ];
  const prune = left.map((path) => `-path ${path} -prune -o`).join(' ');
  return host.sh(
    `find / ${prune} -printf '%y %m %U:%G %l %p\\n' | sort; find / ${prune} -type f -print0 | sort -z | xargs -0 sha256sum`,
  );
}
