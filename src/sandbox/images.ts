import { LabError } from '../shared/errors.ts';
import { ownFile } from '../shared/own-package.ts';
import { docker, tryCommand } from './docker.ts';
import { requireImageTools } from './requirements.ts';

/** `host`: a bare Debian with systemd and sshd. `client`: the machine outside, with tools to look at the hosts. */
export type ImageKind = 'host' | 'client';

const imageScript = ownFile('sandbox/image/build-image.sh');

/** Name of the image that the present recipe makes, e.g. `labwright/sandbox-host:136674524356`. */
export async function imageName(kind: ImageKind): Promise<string> {
  const { exitCode, stdout, stderr } = await tryCommand(['sh', imageScript, 'tag', kind]);
  if (exitCode !== 0)
    throw new LabError('SANDBOX_FAILED', 'could not read the recipe of the images', { output: stderr });
  return stdout.trim();
}

export async function imageExists(name: string): Promise<boolean> {
  return (await tryCommand(['docker', 'image', 'inspect', name])).exitCode === 0;
}

/**
 * The image's name, after building it when it does not exist (about half a minute).
 *
 * @throws LabError SANDBOX_REQUIREMENTS, SANDBOX_FAILED
 */
export async function ensureImage(kind: ImageKind, onBuild?: (kind: ImageKind) => void): Promise<string> {
  const name = await imageName(kind);
  if (await imageExists(name)) return name;
  await requireImageTools(imageScript);
  onBuild?.(kind);
  const built = await tryCommand(['sh', imageScript, 'build', kind]);
  if (built.exitCode !== 0) {
    throw new LabError('SANDBOX_FAILED', `could not build the image ${name}`, {
      output: lastLines(built.stderr, 20),
      hint: 'the packages come from the mirrors in /etc/apt: does "apt-get update" work on this machine?',
    });
  }
  return name;
}

/** Names of all images that the sandbox ever made here, those of older recipes included. */
export async function sandboxImages(): Promise<string[]> {
  const list = await docker(
    ['image', 'ls', '--filter', 'label=dev.labwright.image', '--format', '{{.Repository}}:{{.Tag}}'],
    { purpose: 'list the images' },
  );
  return list.split('\n').filter((line) => line !== '');
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
