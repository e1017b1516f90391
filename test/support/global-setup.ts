import { formatError, LabError } from '../../src/shared/errors.ts';
import { sweepLeftovers } from './sweep.ts';

/** Once before all container tests: an engine that answers, the images, and no leftovers of crashed runs. */
export async function setup(): Promise<() => Promise<void>> {
  const { requireDocker } = await import('../../src/sandbox/requirements.ts');
  const { ensureImage } = await import('../../src/sandbox/images.ts');
  try {
    await requireDocker();
    // Both before any test: two at once that find none would build it twice.
    for (const kind of ['host', 'client'] as const)
      await ensureImage(kind, () => console.log(`building the ${kind} image of the sandbox (half a minute, once) …`));
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    throw new Error(
      `these tests need containers: sh scripts/setup-docker.sh installs and starts what they need.\n${formatError(error)}`,
    );
  }
  await sweepLeftovers();
  return async () => {
    await sweepLeftovers();
  };
}
