import { LabError } from '../shared/errors.ts';
import { userImporter } from './importer.ts';
import { asUserModuleError } from './module-error.ts';
import { refusingExit } from './refuse-exit.ts';

type Exports = Readonly<Record<string, unknown>>;

const loaded = new Map<string, Promise<Exports>>();

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
export function loadModule(file: string): Promise<Exports> {
  let module = loaded.get(file);
  if (module === undefined) {
    module = importModule(file);
    loaded.set(file, module);
  }
  return module;
}

async function importModule(file: string): Promise<Exports> {
  const { never, stop } = whenNothingIsLeftToDo(file);
  try {
    return await refusingExit(() => Promise.race([userImporter().import<Exports>(file), never]));
  } catch (thrown) {
    throw asUserModuleError(thrown, file);
  } finally {
    stop();
  }
}

/**
 * A top-level `await` of something that nothing will settle ends the process silently, with exit code 0 even: Node sees
 * nothing left to do. `never` rejects at that moment.
 */
function whenNothingIsLeftToDo(file: string): { readonly never: Promise<never>; stop(): void } {
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
