import type { Change } from '../contract.ts';

const connectivity = /^\/etc\/(ssh|network|netplan|systemd\/network|wireguard|nftables[^/]*|ufw)(\/|$)/;
const privilege = /^\/etc\/(sudoers(\.d)?|doas(\.d|\.conf)?|pam\.d)(\/|$)/;

/** What a change of the path can cut, from where the path is. */
function riskOfPath(path: string): Change['risk'] {
  if (connectivity.test(path)) return 'connectivity';
  return privilege.test(path) || path.endsWith('/.ssh/authorized_keys') ? 'privilege' : undefined;
}

/** The changes with their risk: the declared one, or that of the path. */
export function withRisk(changes: readonly Change[], path: string, declared: Change['risk']): Change[] {
  const risk = declared ?? riskOfPath(path);
  return risk === undefined ? [...changes] : changes.map((change) => ({ ...change, risk }));
}
