/** `/etc/wireguard/wg0.*.psk`, as `KeptState.paths` has it, with a group for what it matches of a path. */
function expressionOf(pattern: string): RegExp {
  const segments = pattern.split('/').map((segment) => {
    const text = segment
      .replaceAll(/[.+^$(){}|[\]\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]');
    // As in a shell: a name that begins with a dot has to be named.
    return /^[*?]/.test(segment) ? `(?!\\.)${text}` : text;
  });
  return new RegExp(`^(${segments.join('/')})(?=/|$)`, 's');
}

/** What of a path a pattern stands for: the path itself, or the folder above it that is meant; null when neither. */
export function rootOf(pattern: string, path: string): string | null {
  return expressionOf(pattern).exec(path)?.[1] ?? null;
}

/** Whether one of the patterns stands for the path, or for a folder above it. */
export function isMeant(patterns: readonly string[], path: string): boolean {
  return patterns.some((pattern) => rootOf(pattern, path) !== null);
}

/** The folders that lead to a path, without the root: `/srv` and `/srv/a` for `/srv/a/b`. */
export function foldersAbove(path: string): string[] {
  const parts = path.split('/').slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}
