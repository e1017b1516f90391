import { execFile } from 'node:child_process';
import { lstat, open, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { writeWhole } from '../../secrets/write-whole.ts';
import { LabError } from '../../shared/errors.ts';

/**
 * The file of a device's configuration. Its name is taken before anything is changed, so that what cannot be written is known
 * then. Unless it is kept, nothing is left of it.
 *
 * @example
 * await using file = new ConfigurationFile('phone.conf');
 * await file.reserve();
 * await file.write(text);
 * file.keep();
 */
export class ConfigurationFile implements AsyncDisposable {
  readonly path: string;
  /** Made here, and of no use to anybody yet. */
  #isDraft = false;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws LabError USAGE for a file that is there, or cannot be written */
  async reserve(): Promise<void> {
    try {
      const handle = await open(this.path, 'wx', 0o600);
      await handle.close();
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      // What a command that was killed had taken and never filled is nobody's only copy.
      if (code === 'EEXIST' && (await isEmptyFile(this.path))) return;
      throw new LabError('USAGE', `the configuration cannot be written to ${this.path}`, {
        found: code === 'EEXIST' ? 'a file of this name, which may be the only copy of a private key' : message,
        hint: 'remove it, or name another one: --file FILE',
        cause,
      });
    }
    this.#isDraft = true;
  }

  /** The whole text or none, for its owner alone. @throws LabError STEP_FAILED */
  async write(text: string): Promise<void> {
    try {
      await writeWhole(this.path, text, 0o600);
    } catch (cause) {
      throw new LabError('STEP_FAILED', `the configuration cannot be written to ${this.path}`, {
        found: (cause as Error).message,
        hint: 'the keys in it are void: make room, or name another file with --file, and run this again',
        cause,
      });
    }
    this.#isDraft = true;
  }

  /** The device can use what is in it: it stays. */
  keep(): void {
    this.#isDraft = false;
  }

  /** Whether version control would take it up: it lies in a git repository that does not ignore it. */
  isInGit(): Promise<boolean> {
    const argv = ['-C', dirname(this.path), 'check-ignore', '--quiet', '--', basename(this.path)];
    // 0 is ignored, 1 is not, 128 is no repository (git-check-ignore(1)); without git nothing takes it up.
    return new Promise((resolve) => {
      execFile('git', argv, (error) => resolve(error?.code === 1));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDraft) await rm(this.path, { force: true });
  }
}

async function isEmptyFile(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === 0;
}
