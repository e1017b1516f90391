import { createHash } from 'node:crypto';

/**
 * A link-local address of a host (RFC 4291), the same on each of its interfaces of the tunnel: with the interface named, it
 * reaches the other end by exactly that one, whatever the routes say.
 *
 * @example
 * linkLocalOf('nas'); // 'fe80::4b2:…'
 */
export function linkLocalOf(host: string): string {
  const hash = createHash('sha256').update(`wireguard ${host}`).digest('hex');
  // The first group begins with a digit other than 0, so that the text is the shortest form, as the kernel prints it.
  const groups = [0, 4, 8, 12].map((at) => {
    const group = hash.slice(at, at + 4).replace(/^0+/, '');
    return group === '' ? '1' : group;
  });
  return `fe80::${groups.join(':')}`;
}
