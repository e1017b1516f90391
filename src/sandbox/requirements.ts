import { existsSync, readFileSync } from 'node:fs';
import { LabError, type LabErrorDetails } from '../shared/errors.ts';
import { tryCommand } from './docker.ts';
import { tunDevice } from './host-privileges.ts';

/**
 * Checks that a Docker engine answers.
 *
 * @throws LabError SANDBOX_REQUIREMENTS with what is missing and the commands to get it
 */
export async function requireDocker(): Promise<void> {
  const { exitCode, stderr } = await tryCommand(['docker', 'version', '--format', '{{.Server.Version}}']);
  if (exitCode === 0) return;
  throw requirement(explainDocker(exitCode, stderr));
}

/**
 * Checks that an image can be made by that script: mmdebstrap, and root for it.
 *
 * @throws LabError SANDBOX_REQUIREMENTS
 */
export async function requireImageTools(imageScript: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw requirement({
      expected: 'root, for making the base images (once)',
      found: `user id ${process.getuid?.() ?? 'unknown'}`,
      hint: `sudo sh ${imageScript} build host && sudo sh ${imageScript} build client`,
    });
  }
  const { exitCode } = await tryCommand(['mmdebstrap', '--version']);
  if (exitCode !== 0) {
    throw requirement({
      expected: 'mmdebstrap, which makes the base images from Debian packages',
      found: 'no command mmdebstrap',
      hint: 'apt-get update && apt-get install --yes --no-install-recommends mmdebstrap',
    });
  }
}

/**
 * Checks what the hosts need of the kernel: the TUN device, and enough inotify instances (systemd takes about eight for
 * each host, and fails to boot when there is none left).
 *
 * @throws LabError SANDBOX_REQUIREMENTS
 */
export function requireKernel(hosts: number): void {
  if (!existsSync(tunDevice)) {
    throw requirement({
      expected: `${tunDevice}, for WireGuard`,
      found: 'no such device',
      hint: 'as root: modprobe tun',
    });
  }
  const file = '/proc/sys/fs/inotify/max_user_instances';
  const limit = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.POSITIVE_INFINITY;
  if (hosts * 8 > limit) {
    throw requirement({
      expected: `fs.inotify.max_user_instances of at least ${hosts * 8}, for ${hosts} hosts`,
      found: String(limit),
      hint: 'as root: sysctl fs.inotify.max_user_instances=8192',
    });
  }
}

function explainDocker(exitCode: number, stderr: string): LabErrorDetails {
  const expected = 'a Docker engine that answers';
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  if (exitCode === 127) {
    return {
      expected,
      found: 'no command docker',
      hint: `${sudo}apt-get update && ${sudo}apt-get install --yes --no-install-recommends docker.io iptables mmdebstrap`,
    };
  }
  if (/permission denied/i.test(stderr)) {
    return {
      expected,
      found: 'no permission to use its socket',
      output: stderr,
      hint: 'run this as root, or: sudo usermod --append --groups docker "$USER", then log in anew',
    };
  }
  return {
    expected,
    found: 'an engine that is not running',
    output: stderr,
    hint: `with systemd: ${sudo}systemctl start docker; without: ${sudo}sh -c 'setsid dockerd >/var/log/dockerd.log 2>&1 &'`,
  };
}

function requirement(details: LabErrorDetails): LabError {
  return new LabError('SANDBOX_REQUIREMENTS', 'the sandbox cannot run on this machine yet', details);
}
