import type { PortRange } from './types.ts';

/** `22`, `8000-8010` */
export function showPorts({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}
