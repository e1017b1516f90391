import { LabError, type LabErrorDetails } from '../shared/errors.ts';
import { tryCommand } from './docker.ts';

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
 * Checks that an image can be made: mmdebstrap, and root for it.
 *
 * @throws LabError SANDBOX_REQUIREMENTS
 */
export async function requireImageTools(): Promise<void> {
  const { imageScript } = await import('./images.ts');
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
