import { LabError } from '../shared/errors.ts';

export interface DockerResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DockerOptions {
  readonly input?: string | undefined;
  /** What the command was for, as in "could not ‹start lab-nas›"; its failure then throws. */
  readonly purpose: string;
}

/**
 * Runs the docker command line client, so that contexts, DOCKER_HOST and credential helpers work as their owner set them.
 *
 * @throws LabError SANDBOX_FAILED when the command fails
 * @example
 * await docker(['rm', '--force', 'lab-nas'], { purpose: 'remove lab-nas' });
 */
export async function docker(argv: readonly string[], options: DockerOptions): Promise<string> {
  const result = await tryCommand(['docker', ...argv], options.input);
  if (result.exitCode === 0) return result.stdout;
  throw new LabError('SANDBOX_FAILED', `could not ${options.purpose}`, {
    found: `exit code ${result.exitCode} from docker ${argv[0]}`,
    output: result.stderr || result.stdout,
    hint: 'npx lab sandbox down, then npx lab sandbox up, makes everything anew',
  });
}

/** The same without a judgement on the exit code. 127: the command does not exist. */
export async function tryCommand(argv: readonly string[], input?: string): Promise<DockerResult> {
  const $ = await loadShell();
  const { exitCode, stdout, stderr } = await $({ input: input ?? '' })`${argv}`;
  return { exitCode: exitCode ?? 1, stdout, stderr };
}

type Shell = typeof import('zx/core').$;
let shell: Promise<Shell> | undefined;

async function loadShell(): Promise<Shell> {
  shell ??= importShell();
  return await shell;
}

async function importShell(): Promise<Shell> {
  // zx reads its defaults from the environment when it is loaded: a ZX_PREFIX would go into every command of ours.
  for (const name of Object.keys(process.env)) if (name.startsWith('ZX_')) delete process.env[name];
  const { $ } = await import('zx/core');
  return $({ nothrow: true, quiet: true });
}
