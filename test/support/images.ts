import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tryCommand } from '../../src/sandbox/docker.ts';
import { ensureImage, imageExists } from '../../src/sandbox/images.ts';

export type HostVariant = 'debian' | 'busybox';

const busyboxScript = fileURLToPath(new URL('busybox-rootfs.sh', import.meta.url));
const label = '--change=LABEL dev.labwright.image=test';

const images = new Map<string, Promise<string>>();

/** Name of the image, made at the first use and kept for later runs. */
export function testImage(variant: HostVariant, packages: readonly string[] = []): Promise<string> {
  const key = JSON.stringify([variant, [...packages].sort()]);
  const known = images.get(key) ?? (variant === 'busybox' ? busyboxImage() : debianImage(packages));
  images.set(key, known);
  return known;
}

async function debianImage(packages: readonly string[]): Promise<string> {
  const base = await ensureImage('host');
  if (packages.length === 0) return base;
  const sorted = [...packages].sort();
  const name = `labwright/test-host:${shortHash(base, ...sorted)}`;
  if (await imageExists(name)) return name;
  const install =
    'export DEBIAN_FRONTEND=noninteractive; apt-get install -y --no-install-recommends "$@" || { apt-get update && apt-get install -y --no-install-recommends "$@"; }';
  const container = `labwright-build-${shortHash(name, String(process.pid))}`;
  try {
    await must(['docker', 'run', `--name=${container}`, base, 'sh', '-c', install, 'sh', ...sorted]);
    await must(['docker', 'commit', '--change=CMD ["/usr/local/sbin/lab-init"]', label, container, name]);
  } finally {
    await tryCommand(['docker', 'rm', '--force', '--volumes', container]);
  }
  return name;
}

/** Busybox and OpenSSH's server are taken out of Debian's packages, inside a throw-away container. */
async function busyboxImage(): Promise<string> {
  const base = await ensureImage('host');
  const script = readFileSync(busyboxScript, 'utf8');
  const name = `labwright/test-busybox:${shortHash(base, script)}`;
  if (await imageExists(name)) return name;
  // A pipe between two clients: a root file system does not go through this process.
  const pipe = 'docker run --rm --interactive "$1" sh -s <"$2" | docker import --change "$3" --change "$4" - "$5"';
  const command = 'CMD ["/sbin/start"]';
  await must(['bash', '-o', 'pipefail', '-c', pipe, 'bash', base, busyboxScript, command, label.slice(9), name]);
  return name;
}

async function must(argv: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await tryCommand(argv);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${argv.join(' ')}\n${stdout}${stderr}`);
}

function shortHash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
}
