import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Jiti } from 'jiti';
import { LabError } from '../shared/errors.ts';
import { cacheFolder } from './cache-folder.ts';
import { asUserModuleError } from './module-error.ts';
import { codeExtension, codeRoot } from './own-package.ts';

const packageName = 'labwright';
const rolePrefix = `${packageName}/roles/`;

const loaded = new Map<string, Promise<Readonly<Record<string, unknown>>>>();

/**
 * Imports a module of the user's repository, TypeScript without a build step, and gives its exports. A module is run once
 * per process. `labwright` and `labwright/roles/*` are the modules of the running program, whatever copy of the package
 * the repository has installed: a `Secret` or an inventory made there is the same class here.
 *
 * Load modules one after the other: of two that run at the same time, one can see the other's imports half done.
 *
 * @param file absolute path
 * @throws LabError PLAYBOOK_LOAD with the user's file, line and a code frame when it cannot be read, parsed or run
 */
export function loadModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  let module = loaded.get(file);
  if (module === undefined) {
    module = importModule(file);
    loaded.set(file, module);
  }
  return module;
}

async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const importer = await userImporter();
  const settled = whetherSettled(file);
  try {
    return await Promise.race([importer.import<Record<string, unknown>>(file), settled.never]);
  } catch (thrown) {
    throw asUserModuleError(thrown, file);
  } finally {
    settled.stop();
  }
}

let importer: Promise<Jiti> | undefined;

/** One for the process, so that a module imported by two others is one module. */
function userImporter(): Promise<Jiti> {
  importer ??= import('jiti').then(({ createJiti }) =>
    createJiti(import.meta.url, {
      fsCache: cacheFolder('modules') ?? false,
      virtualModules: runningModules,
    }),
  );
  return importer;
}

/** Answers imports of this package with the running modules, each loaded when the first import asks for it. */
const runningModules: Record<string, unknown> = new Proxy(
  {},
  {
    has: (_target, name) =>
      name === packageName || (typeof name === 'string' && name.startsWith(rolePrefix) && existsSync(roleFile(name))),
    get: (_target, name) =>
      name === packageName ? import('../index.ts') : typeof name === 'string' ? import(roleFile(name)) : undefined,
  },
);

function roleFile(specifier: string): string {
  return join(codeRoot, 'roles', specifier.slice(rolePrefix.length), `role${codeExtension}`);
}

/**
 * A top-level `await` of something that nothing will settle ends the process silently, with exit code 0 even: Node sees
 * nothing left to do. `never` rejects at that moment.
 */
function whetherSettled(file: string): { readonly never: Promise<never>; stop(): void } {
  let stop = (): void => {};
  const never = new Promise<never>((_resolve, reject) => {
    const onIdle = (): void =>
      reject(
        new LabError('PLAYBOOK_LOAD', 'the module never finishes loading', {
          at: { file },
          expected: 'every top-level await to settle',
          found: 'an await of a promise that nothing resolves or rejects',
        }),
      );
    process.once('beforeExit', onIdle);
    stop = () => process.off('beforeExit', onIdle);
  });
  return { never, stop };
}
