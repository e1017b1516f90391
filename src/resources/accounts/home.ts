/** Home of a user of whom nothing is known yet: `HOME` of useradd(8)'s defaults, which hardly anybody changes. */
export function usualHome(name: string): string {
  return name === 'root' ? '/root' : `/home/${name}`;
}
