import {
  type Facts,
  type FileFact,
  type GroupFact,
  KnownAfterApply,
  type UserFact,
} from '../../remote/facts/contract.ts';

/** An account whose number a planned change makes another; one that comes or goes has no number before or after. */
interface Renumbered {
  readonly name: string;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

interface RenumberedUser extends Renumbered {
  /** usermod(8) takes the files in it along to the new number. */
  readonly home: string | undefined;
  /** The primary group's number, where usermod gives another. */
  readonly groupBefore: number | undefined;
}

interface Renumberings {
  readonly users: readonly RenumberedUser[];
  readonly groups: readonly Renumbered[];
}

/**
 * Users and groups as the changes planned so far will leave them, and what that makes of the owners of paths: a file keeps
 * its numbers when an account gets another, and shows no name or another's then.
 */
export class PredictedAccounts {
  readonly #read: Facts;
  readonly #users = new Map<string, UserFact | null>();
  readonly #groups = new Map<string, GroupFact | null>();
  #renumberings: Promise<Renumberings> | undefined;

  constructor(read: Facts) {
    this.#read = read;
  }

  predictUser(name: string, value: UserFact | null): void {
    this.#users.set(name, value);
    this.#renumberings = undefined;
  }

  predictGroup(name: string, value: GroupFact | null): void {
    this.#groups.set(name, value);
    this.#renumberings = undefined;
  }

  async user(name: string): Promise<UserFact | null> {
    const predicted = this.#users.get(name);
    const user = predicted === undefined ? await this.#read.user(name) : predicted;
    if (user === null || this.#groups.size === 0) return user;
    // groupmod(8) takes the users along whose primary group it is.
    const { groups } = await this.#changes();
    return { ...user, gid: movedTo(user.gid, groups) };
  }

  async group(name: string): Promise<GroupFact | null> {
    const predicted = this.#groups.get(name);
    return predicted === undefined ? this.#read.group(name) : predicted;
  }

  /**
   * The fact with the owner and group that it will have.
   *
   * @throws KnownAfterApply when a user's files get a group along with the user
   */
  async ownersOf(fact: FileFact): Promise<FileFact> {
    if (fact.kind === 'absent' || (this.#users.size === 0 && this.#groups.size === 0)) return fact;
    const { users, groups } = await this.#changes();
    const atHome = users.filter(({ home }) => home !== undefined && isWithin(fact.path, home));
    const regrouped = atHome.find(({ groupBefore }) => groupBefore === fact.gid);
    if (regrouped !== undefined)
      throw new KnownAfterApply(`the group of ${fact.path} changes with ${regrouped.name}'s`);
    const uid = movedTo(fact.uid, atHome);
    return {
      ...fact,
      uid,
      owner: nameOf(uid, fact.owner, users),
      group: nameOf(fact.gid, fact.group, groups),
    };
  }

  #changes(): Promise<Renumberings> {
    this.#renumberings ??= this.#findChanges();
    return this.#renumberings;
  }

  async #findChanges(): Promise<Renumberings> {
    const groups = await Promise.all(
      [...this.#groups].map(async ([name, after]) => {
        const before = await this.#read.group(name);
        return { name, before: before?.gid, after: after?.gid };
      }),
    );
    const users = await Promise.all(
      [...this.#users].map(async ([name, after]) => {
        const before = await this.#read.user(name);
        const gid = before === null ? undefined : movedTo(before.gid, groups);
        const groupBefore = after === null || movedTo(after.gid, groups) === gid ? undefined : gid;
        return { name, before: before?.uid, after: after?.uid, home: before?.home, groupBefore };
      }),
    );
    return { users, groups };
  }
}

function movedTo(id: number, accounts: readonly Renumbered[]): number {
  const moved = accounts.find(({ before, after }) => before === id && after !== undefined && after >= 0);
  return moved?.after ?? id;
}

/** stat(1) says UNKNOWN of a number that no account has. A path that is still to be made has its owner's name alone. */
function nameOf(id: number, name: string, accounts: readonly Renumbered[]): string {
  if (id < 0) return name;
  const own = accounts.find((account) => account.name === name);
  if (own === undefined ? name !== 'UNKNOWN' : own.after === id) return name;
  return accounts.find(({ after }) => after === id)?.name ?? 'UNKNOWN';
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
