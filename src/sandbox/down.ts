import { rmSync } from 'node:fs';
import { docker } from './docker.ts';
import { sandboxImages } from './images.ts';
import { presentContainers, presentNetworks } from './present.ts';
import { requireDocker } from './requirements.ts';
import { sandboxFolder } from './state-folder.ts';

export interface DownOptions {
  readonly projectFolder: string;
  /** Removes the images as well. Default false: they make the next `up` quick. */
  readonly images?: boolean | undefined;
}

/**
 * Removes every container, volume and network with the sandbox's label, whichever project made it, and this project's
 * keys. Gives the names of what there was.
 *
 * @throws LabError SANDBOX_REQUIREMENTS, SANDBOX_FAILED
 */
export async function sandboxDown({ projectFolder, images = false }: DownOptions): Promise<string[]> {
  await requireDocker();
  const containers = await presentContainers();
  const names = containers.map(({ name }) => name);
  if (names.length > 0) await docker(['rm', '--force', '--volumes', ...names], { purpose: 'remove the containers' });
  const networks = (await presentNetworks()).map(({ name }) => name);
  if (networks.length > 0) await docker(['network', 'rm', ...networks], { purpose: 'remove the networks' });
  const removedImages = images ? await sandboxImages() : [];
  if (removedImages.length > 0) await docker(['image', 'rm', ...removedImages], { purpose: 'remove the images' });
  for (const folder of new Set([projectFolder, ...containers.map(({ project }) => project)])) {
    rmSync(sandboxFolder(folder), { recursive: true, force: true });
  }
  return [...names, ...networks, ...removedImages];
}
