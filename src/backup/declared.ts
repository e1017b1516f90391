import { z } from 'zod';
import type { Host, Inventory } from '../model/types.ts';
import type { KeptState, Play } from '../playbook/contract.ts';
import { accountName, argv, pathBelowRoot } from '../resources/shared/schemas.ts';
import { unitNameOrService } from '../resources/systemd/units.ts';
import { journalState } from '../runner/journal/kept.ts';
import { paramsOf } from '../runner/plan/declare.ts';
import { LabError } from '../shared/errors.ts';
import { problemsOf } from '../shared/schema-problems.ts';
import { suggestion } from '../shared/suggest.ts';
import { isMeant } from './path-pattern.ts';

/** What a role keeps of one host. */
export interface Declaration {
  readonly role: string;
  readonly paths: readonly string[];
  readonly except: readonly string[];
  readonly stops: readonly string[];
  readonly reloads: readonly string[];
  readonly owner: string | undefined;
  readonly group: string | undefined;
  readonly afterwards: readonly string[] | undefined;
  readonly hostKeys: boolean;
}

const pattern = pathBelowRoot.refine((path) => !/[[\]\\\n]/.test(path), {
  error: 'a kept path holds no "[", "\\" and no newline; "*" and "?" stand for parts of a name',
});
const keptState = z.strictObject({
  paths: z.array(pattern).min(1),
  except: z.array(pattern).default([]),
  owner: accountName.optional(),
  group: accountName.optional(),
  stops: z.array(unitNameOrService).default([]),
  reloads: z.array(unitNameOrService).default([]),
  afterwards: argv.optional(),
  hostKeys: z.boolean().default(false),
});

/** The name under which what `lab` itself keeps stands among those of roles. */
const ownName = 'journal';

/**
 * What is kept of a host: of each of its roles, and the journal of `lab`.
 *
 * @param skip names of roles that are left out
 * @throws LabError ROLE_PARAMS; PLAYBOOK_INVALID for a role that keeps what it cannot
 */
export function declarationsOf(
  host: Host,
  plays: readonly Play[],
  inventory: Inventory,
  skip: readonly string[],
): Declaration[] {
  const ofRoles = plays.flatMap(({ roles }) =>
    roles.flatMap((use) => {
      const { name, keeps } = use.role;
      const kept = keeps?.({ host, inventory, params: paramsOf(use, host, inventory.source) }) ?? [];
      return kept.map((state) => checked(name, state));
    }),
  );
  const unique = new Map([...ofRoles, checked(ownName, journalState)].map((each) => [JSON.stringify(each), each]));
  return [...unique.values()].filter(({ role }) => !skip.includes(role));
}

/**
 * Refuses a name in `--skip` that no role has.
 *
 * @throws LabError USAGE
 */
export function checkSkipped(skip: readonly string[], plays: readonly Play[]): void {
  const names = [...new Set([...plays.flatMap(({ roles }) => roles.map(({ role }) => role.name)), ownName])];
  const unknown = skip.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new LabError('USAGE', `no role is called "${unknown}"`, {
    expected: `one of ${names.join(', ')}`,
    found: `--skip ${unknown}`,
    hint: suggestion(unknown, names),
  });
}

/** Whether a declaration keeps this path. */
export function keeps({ paths, except }: Declaration, path: string): boolean {
  return isMeant(paths, path) && !isMeant(except, path);
}

function checked(role: string, state: KeptState): Declaration {
  const parsed = keptState.safeParse(state);
  if (parsed.success) {
    const { owner, group, afterwards, ...rest } = parsed.data;
    return { role, owner, group, afterwards, ...rest };
  }
  const [first, ...others] = problemsOf(parsed.error, state).map(
    (problem) => new LabError('PLAYBOOK_INVALID', `role ${role}, keeps: ${problem.message}`, problem.details),
  );
  throw first?.with({ others }) ?? new LabError('PLAYBOOK_INVALID', `role ${role} keeps what it cannot`);
}
