import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../shared/errors.ts';
import { makePrivateFolder } from './private-folder.ts';

interface EditOptions {
  /** Default `process.env`; `VISUAL`, then `EDITOR`, then `vi`. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** Throws when the text cannot be taken. */
  readonly check: (text: string) => void;
  /** Asked when `check` throws: open the editor again? */
  readonly again: (problem: unknown) => Promise<boolean>;
  readonly warn: (text: string) => void;
}

/**
 * Lets a person edit a text in their editor, in a file that only they can read and that is wiped afterwards, whatever
 * happens.
 *
 * @returns the new text, or undefined when it is unchanged
 * @throws LabError USAGE when the editor cannot be started or ends with an error: then nothing is taken
 */
export async function editPrivately(text: string, options: EditOptions): Promise<string | undefined> {
  const environment = options.environment ?? process.env;
  await using folder = await makePrivateFolder(environment);
  if (!folder.inMemory)
    options.warn(`no memory file system here: the text is on disk at ${folder.path} while you edit`);
  const file = join(folder.path, 'secrets.yml');
  await writeFile(file, text, { mode: 0o600 });
  using _signals = survive();
  for (;;) {
    await runEditor(environment, file);
    const edited = await readFile(file, 'utf8');
    if (edited === text) return undefined;
    try {
      options.check(edited);
      return edited;
    } catch (problem) {
      if (!(await options.again(problem))) throw problem;
    }
  }
}

/** As git does: the variable may hold arguments (`code --wait`), so a shell splits it; the path is an argument. */
async function runEditor(environment: NodeJS.ProcessEnv, file: string): Promise<void> {
  const editor = environment.VISUAL || environment.EDITOR || 'vi';
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit', env: environment });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject).once('exit', (...end) => resolve(end));
  });
  if (code === 0) return;
  throw new LabError('USAGE', 'the editor ended with an error; nothing was changed', {
    expected: 'exit code 0',
    found: code === null ? `signal ${signal}` : code === 127 ? `no such command: ${editor}` : `exit code ${code}`,
    hint: 'VISUAL or EDITOR names the editor; with arguments where it returns at once: EDITOR="code --wait"',
  });
}

/** Ctrl-C belongs to the editor, and a hang-up ends it: either way the file has to be wiped after it. */
function survive(): Disposable {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const ignore = () => {};
  for (const signal of signals) process.on(signal, ignore);
  return {
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, ignore);
    },
  };
}
