/**
 * `net.ipv4.ip_forward` → `/proc/sys/net/ipv4/ip_forward`. A dot inside an interface's name is written as a slash, and
 * the other way round when the key uses slashes as separators: sysctl(8).
 */
export function sysctlPath(key: string): string {
  const separator = /[./]/.exec(key)?.[0];
  const parts = separator === '/' ? key : [...key].map((c) => (c === '.' ? '/' : c === '/' ? '.' : c)).join('');
  return `/proc/sys/${parts}`;
}
