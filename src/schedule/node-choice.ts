import { LabError } from '../shared/errors.ts';
import { type Job, placesOf } from './job.ts';

const least = [20, 19] as const;
export const leastNode = least.join('.');

/** `uname -m` of the machines that a Node built for `process.arch` runs on. */
const machines: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86_64'],
  arm64: ['aarch64', 'arm64'],
  arm: ['armv7l', 'armv6l'],
  ppc64: ['ppc64le'],
  s390x: ['s390x'],
  riscv64: ['riscv64'],
};

/** What a control host has, and what could be brought there. */
export interface NodeOffer {
  readonly job: string;
  /** Found in the places of packages and installers, in this order. */
  readonly installed: readonly { readonly path: string; readonly version: string }[];
  /** Version of the package `nodejs` that apt would install, if any. */
  readonly candidate: string | null;
  /** `uname -m`. */
  readonly architecture: string;
  /** Chosen when it was scheduled before: what was installed then stays declared. */
  readonly before?: Job['node'] | undefined;
  readonly controller: { readonly platform: string; readonly arch: string; readonly version: string };
}

/**
 * The Node that runs a job: one that is new enough on the host, else the package of the distribution, else a copy of the
 * controller's own, which needs no network.
 *
 * @throws LabError SCHEDULE_HOST when none of them will do
 */
export function chooseNode(offer: NodeOffer): Job['node'] {
  const { installed, candidate, architecture, before, controller } = offer;
  const usable = installed.find(({ version }) => isNewEnough(version));
  if (usable !== undefined) return { path: usable.path, from: before?.from === 'package' ? 'package' : 'host' };
  if (candidate !== null && isNewEnough(candidate)) return { path: '/usr/bin/node', from: 'package' };
  if (controller.platform === 'linux' && machines[controller.arch]?.includes(architecture) === true)
    return { path: placesOf(offer.job).node, from: 'copy' };
  const found = [
    ...installed.map(({ path, version }) => `${path} ${version}`),
    ...(candidate === null ? [] : [`apt would install ${candidate}`]),
    `this machine's is for ${controller.platform} ${controller.arch}, the host is ${architecture}`,
  ];
  throw new LabError('SCHEDULE_HOST', 'the control host has no Node that is new enough', {
    expected: `Node ${leastNode} or newer in /usr/local/bin or /usr/bin`,
    found: found.join('; '),
    hint: 'install it there as https://nodejs.org/en/download says, or schedule from a machine like it',
  });
}

/** `v20.19.1`, or the version of a package: `20.19.2+dfsg-1`. */
function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version
    .replace(/^v|^\d+:/, '')
    .split('.')
    .map(Number);
  return major > least[0] || (major === least[0] && minor >= least[1]);
}
