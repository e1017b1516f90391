import { LabError } from '../shared/errors.ts';
import type { Playbook } from './contract.ts';
import { isPlaybook } from './define-playbook.ts';
import { isRole } from './define-role.ts';
import { findPlaybook } from './find.ts';
import { loadModule } from './load-module.ts';
import { isProcedure, type Procedure } from './procedure.ts';

const expected = 'export default definePlaybook({ … })';

export interface LoadedPlaybook {
  /** Absolute path. */
  readonly file: string;
  readonly playbook: Playbook | Procedure;
}

/**
 * Finds a playbook, or a procedure, by name and runs its module.
 *
 * @throws LabError PLAYBOOK_NOT_FOUND, PLAYBOOK_LOAD, PLAYBOOK_INVALID, and what the module's inventory and roles throw
 */
export async function loadPlaybook(name: string, cwd: string): Promise<LoadedPlaybook> {
  const file = findPlaybook(name, cwd);
  return { file, playbook: playbookOf(await loadModule(file), file) };
}

function playbookOf(module: Readonly<Record<string, unknown>>, file: string): Playbook | Procedure {
  if (!('default' in module) || module.default === undefined) {
    const names = Object.keys(module).filter((name) => name !== 'default');
    throw new LabError('PLAYBOOK_LOAD', 'the playbook has no default export', {
      at: { file },
      expected,
      found: names.length === 0 ? 'no exports' : `exports named ${names.join(', ')}`,
    });
  }
  if (isPlaybook(module.default) || isProcedure(module.default)) return module.default;
  throw new LabError('PLAYBOOK_LOAD', 'the default export is no playbook', {
    at: { file },
    expected,
    ...describeExport(module.default),
  });
}

function describeExport(value: unknown): { found: string; hint?: string } {
  if (isRole(value)) return { found: `the role ${value.roleName}`, hint: 'a play names it: roles: [ … ]' };
  const { kind, hosts, plays, then } = Object(value) as Record<string, unknown>;
  if (kind === 'playbook') {
    return {
      found: 'a playbook that another copy of labwright made',
      hint: 'write the playbook as a .ts file, or run the lab that is installed beside it (npx lab)',
    };
  }
  if (hosts instanceof Map)
    return { found: 'an inventory', hint: 'use it in a playbook: definePlaybook({ inventory, … })' };
  if (Array.isArray(plays)) return { found: 'a plain object', hint: 'put it into definePlaybook( … )' };
  if (typeof then === 'function') return { found: 'a promise', hint: 'write: export default await …' };
  return { found: value === null ? 'null' : Array.isArray(value) ? 'a list' : `a value of type ${typeof value}` };
}
