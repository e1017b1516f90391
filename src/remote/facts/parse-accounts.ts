import type { Frame } from '../frames.ts';
import type { GroupFact, UserFact } from './contract.ts';

export interface Accounts {
  readonly users: ReadonlyMap<string, UserFact>;
  readonly groups: ReadonlyMap<string, GroupFact>;
}

/** Reads what `lab_read_accounts` answered: lines of passwd(5), group(5) and shadow(5). */
export function parseAccounts(frames: ReadonlyMap<string, Frame>): Accounts {
  const groups = new Map<string, GroupFact>();
  for (const [name = '', , gid = '', members = ''] of lines(frames.get('group'))) {
    groups.set(name, { name, gid: Number(gid), members: members.split(',').filter((member) => member !== '') });
  }
  const hashes = new Map(lines(frames.get('shadow')).map(([name = '', hash = '']) => [name, hash]));
  const users = new Map<string, UserFact>();
  for (const [name = '', , uid = '', gid = '', comment = '', home = '', shell = ''] of lines(frames.get('passwd'))) {
    const of = [...groups.values()].filter((group) => group.gid === Number(gid) || group.members.includes(name));
    users.set(name, {
      name,
      uid: Number(uid),
      gid: Number(gid),
      comment,
      home,
      shell,
      groups: of.map((group) => group.name).sort(),
      passwordHash: hashes.get(name) ?? null,
    });
  }
  return { users, groups };
}

function lines(frame: Frame | undefined): string[][] {
  return (frame?.body.toString() ?? '')
    .split('\n')
    .filter((line) => line.includes(':'))
    .map((line) => line.split(':'));
}
