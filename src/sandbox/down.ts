import { rmSync } from 'node:fs';
import { docker } from './docker.ts';
import { sandboxImages } from './images.ts';
import { presentContainers, presentNetworks } from './present.ts';
import { requireDocker } from './requirements.ts';
import { sandboxFolder } from './state-folder.ts';
import { defaultSandboxName } from './topology.ts';

export interface DownOptions {
  readonly projectFolder: string;
  /** Default `lab`. */
  readonly sandbox?: string | undefined;
  /** Removes the images as well. Default false: they make the next `up` quick. */
  readonly images?: boolean | undefined;
}

/**
 * Removes every container, volume and network of the sandbox, by its label, whichever project made it, and its keys. Gives the names of what there was.
 *
 * @throws LabError SANDBOX_REQUIREMENTS, SANDBOX_FAILED
 */
export async function sandboxDown(options: DownOptions): Promise<string[]> {
  const { projectFolder, sandbox = defaultSandboxName, images = false } = options;
  await requireDocker();
  const containers = await presentContainers(sandbox);
  const names = containers.map(({ name }) => name);
  if (names.length > 0) await docker(['rm', '--force', '--volumes', ...names], { purpose: 'remove the containers' });
  const networks = (await presentNetworks(sandbox)).map(({ name }) => name);
  if (networks.length > 0) await docker(['network', 'rm', ...networks], { purpose: 'remove the networks' });
  const removedImages = images ? await sandboxImages() : [];
  if (removedImages.length > 0) await docker(['image', 'rm', ...removedImages], { purpose: 'remove the images' });
  for (const folder of new Set([projectFolder, ...containers.map(({ project }) => project)])) {
    rmSync(sandboxFolder(folder, sandbox), { recursive: true, force: true });
  }
  return [...names, ...networks, ...removedImages];
}
