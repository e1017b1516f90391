const units = [
  ['s', 60],
  ['min', 60],
  ['h', 48],
  ['days', Number.POSITIVE_INFINITY],
] as const;
const sizes = [1, 60, 3600, 86_400];

/** An age in one unit: `41 s`, `12 min`, `3 h`, `20 days`. */
export function showAge(seconds: number): string {
  const index = units.findIndex(([, limit], at) => seconds / (sizes[at] ?? 1) < limit);
  return `${Math.floor(seconds / (sizes[index] ?? 1))} ${units[index]?.[0]}`;
}

/** Bytes with a binary prefix (IEC 80000-13): `412 B`, `1.5 KiB`, `3.2 GiB`. */
export function showSize(bytes: number): string {
  let value = bytes;
  let prefix = '';
  for (const next of ['Ki', 'Mi', 'Gi', 'Ti']) {
    if (value < 1024) break;
    value /= 1024;
    prefix = next;
  }
  return `${prefix === '' ? value : value.toFixed(1)} ${prefix}B`;
}
