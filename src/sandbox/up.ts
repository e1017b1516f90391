import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { LabError } from '../shared/errors.ts';
import { containerRecipe, networkRecipe, type Recipe } from './commands.ts';
import { docker } from './docker.ts';
import { ensureImage } from './images.ts';
import { provisionInternet } from './internet.ts';
import { ensureKeyPair } from './key-pair.ts';
import { type Present, presentContainers, presentNetworks } from './present.ts';
import { provisionHost } from './provision.ts';
import { requireDocker, requireKernel } from './requirements.ts';
import { sandboxFolder, writeAuthority, writeSshFiles } from './state-folder.ts';
import {
  collision,
  defaultSandboxName,
  layOut,
  type SandboxContainer,
  type SandboxInventory,
  type SandboxTopology,
} from './topology.ts';

export interface UpOptions {
  /** The project's folder: its `.lab/sandbox` gets the keys. Absolute. */
  readonly projectFolder: string;
  readonly inventory: SandboxInventory;
  /** Default `lab`. Another name makes a second sandbox beside the first, which needs other addresses. */
  readonly sandbox?: string | undefined;
  /** Told what is being done, in short sentences. */
  readonly onProgress?: (message: string) => void;
}

export interface UpResult {
  readonly topology: SandboxTopology;
  /** Names of what had to be made or started; empty when all was up. */
  readonly made: readonly string[];
}

/**
 * Boots an inventory's hosts as containers and lets the sandbox's key log in. What is up and as declared stays as it is,
 * with everything that roles did to it.
 *
 * @throws LabError SANDBOX_REQUIREMENTS, SANDBOX_FAILED
 */
export async function sandboxUp(options: UpOptions): Promise<UpResult> {
  const { projectFolder, sandbox = defaultSandboxName, onProgress = () => {} } = options;
  const owner = { sandbox, project: projectFolder };
  const topology = layOut(options.inventory, sandbox);
  await requireDocker();
  const machines = [
    ...(topology.router ? [topology.router] : []),
    ...(topology.client ? [topology.client] : []),
    ...topology.hosts,
  ];
  requireKernel(topology.hosts.length);

  const [containers, networks] = await Promise.all([presentContainers(sandbox), presentNetworks(sandbox)]);
  refuseForeign([...containers, ...networks], projectFolder);
  refuseCollision(topology, networks);

  const images = await readyImages(topology, onProgress);
  const made: string[] = [];
  for (const network of topology.networks) {
    const recipe = networkRecipe(network, topology.router !== undefined, owner);
    if (await makeNetwork(recipe, networks, containers)) made.push(recipe.name);
  }
  const { default: pLimit } = await import('p-limit');
  const limit = pLimit(4);
  const folder = sandboxFolder(projectFolder, sandbox);
  const keyPair = ensureKeyPair(folder);
  const boot = async (machine: SandboxContainer) => {
    const recipe = containerRecipe(machine, images, topology, owner);
    const present = containers.find(({ name }) => name === recipe.name);
    if (await makeContainer(recipe, present)) {
      made.push(recipe.name);
      onProgress(`${recipe.name} is started`);
    }
    if (machine.kind === 'client') writeAuthority(folder, await provisionInternet(machine, topology));
    if (machine.kind !== 'host') return undefined;
    return { machine, keys: await provisionHost(machine, [keyPair.publicKey, ...ownKeys(options, machine.name)]) };
  };
  const booted = await everyOne(machines.map((machine) => limit(() => boot(machine))));
  writeSshFiles(
    folder,
    keyPair.identityFile,
    booted.filter((entry) => entry !== undefined),
  );
  return { topology, made };
}

async function readyImages(topology: SandboxTopology, onProgress: (message: string) => void) {
  const announce = (kind: string) =>
    onProgress(`building the image of the ${kind}s from Debian packages (half a minute, once)`);
  const needsClient = topology.client !== undefined || topology.router !== undefined;
  const [host, client] = await Promise.all([
    ensureImage('host', announce),
    needsClient ? ensureImage('client', announce) : '',
  ]);
  return { host, client };
}

/** True when it had to be made. One that is different goes, with the containers on it. */
async function makeNetwork(recipe: Recipe, networks: Present[], containers: Present[]): Promise<boolean> {
  const present = networks.find(({ name }) => name === recipe.name);
  if (present?.config === recipe.config) return false;
  if (present !== undefined) {
    const all = containers.splice(0).map(({ name }) => name);
    if (all.length > 0) await docker(['rm', '--force', '--volumes', ...all], { purpose: 'remove the containers' });
    await docker(['network', 'rm', recipe.name], { purpose: `remove the network ${recipe.name}` });
  }
  for (const command of recipe.commands) await docker(command, { purpose: `make the network ${recipe.name}` });
  return true;
}

/** How a container that was made as declared comes to run again; one in any other state is made anew. */
const revive: Readonly<Record<string, string>> = { exited: 'start', paused: 'unpause' };

async function makeContainer(recipe: Recipe, present: Present | undefined): Promise<boolean> {
  if (present?.config === recipe.config) {
    // `restarting` is a host that reboots: provisioning waits for it.
    if (present.state === 'running' || present.state === 'restarting') return false;
    const command = revive[present.state];
    if (command !== undefined) {
      await docker([command, recipe.name], { purpose: `start ${recipe.name}` });
      return true;
    }
  }
  if (present !== undefined) {
    await docker(['rm', '--force', '--volumes', recipe.name], { purpose: `remove ${recipe.name}` });
  }
  for (const command of recipe.commands) await docker(command, { purpose: `start ${recipe.name}` });
  return true;
}

/** The key that the inventory names for a host logs in as well, when its public half is beside it. */
function ownKeys({ inventory }: UpOptions, host: string): string[] {
  const file = `${inventory.hosts.get(host)?.connection.identityFile}.pub`;
  return existsSync(file) ? [readFileSync(file, 'utf8').trim()] : [];
}

/** Container names are the same for every project, so there is one sandbox on a machine at a time. */
function refuseForeign(present: readonly Present[], projectFolder: string): void {
  const other = present.find(({ project }) => project !== projectFolder);
  if (other === undefined) return;
  throw new LabError('SANDBOX_FAILED', 'the sandbox of another project is up', {
    expected: `no sandbox, or the one of ${projectFolder}`,
    found: `${other.name} of ${other.project}`,
    hint: 'lab sandbox down removes it; lab sandbox up --name OTHER makes one beside it, with other addresses',
  });
}

function refuseCollision(topology: SandboxTopology, networks: readonly Present[]): void {
  const ours = new Set(networks.map(({ name }) => name));
  const own = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    ours.has(name) ? [] : (addresses ?? []).map(({ address }) => ({ interface: name, address })),
  );
  const found = collision(topology, own);
  if (found === undefined) return;
  throw new LabError('SANDBOX_FAILED', `the network ${found.prefix} is already one of this machine's own`, {
    expected: 'networks that this machine is not part of: the sandbox would cut it off from the real one',
    found: `${found.address} on ${found.interface}`,
    hint: 'try the playbook with an inventory that has other addresses',
  });
}

/** Waits for all, then throws the first failure with the others in it. */
async function everyOne<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const [first, ...others] = errors;
  if (first instanceof LabError) throw first.with({ others: others.filter((error) => error instanceof LabError) });
  if (first !== undefined) throw first;
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
