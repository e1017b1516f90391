import type { UserFact } from '../../remote/facts/contract.ts';

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

/** The lowest number of a person's account: login.defs(5), UID_MIN. */
const firstPerson = 1000;

/** The risk of a change to how, or whether, somebody gets in: root, those who can become it, and whoever may be the login. */
export function riskOfAccount({ uid, groups }: Pick<UserFact, 'uid' | 'groups'>): 'privilege' | undefined {
  return uid === 0 || uid >= firstPerson ? 'privilege' : riskOfGroups(groups);
}

/** The risk of a change to who belongs to these groups. */
export function riskOfGroups(groups: Iterable<string>): 'privilege' | undefined {
  return [...groups].some((group) => rootLike.has(group)) ? 'privilege' : undefined;
}
