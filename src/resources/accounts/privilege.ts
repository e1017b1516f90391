/** Groups whose members can become root, directly or with one step (docker(1): the socket is root). */
const rootLike = new Set([
  'root',
  'sudo',
  'wheel',
  'admin',
  'adm',
  'shadow',
  'disk',
  'docker',
  'lxd',
  'incus-admin',
  'libvirt',
]);

/** The risk of a change to who belongs to these groups. */
export function riskOfGroups(groups: Iterable<string>): 'privilege' | undefined {
  return [...groups].some((group) => rootLike.has(group)) ? 'privilege' : undefined;
}
