import type { Host } from '../../model/types.ts';
import { Session } from '../../remote/session.ts';
import { LabError } from '../../shared/errors.ts';
import { collect } from '../../transport/index.ts';
import type { Reach } from '../endpoints.ts';

/** The provider's own preparation takes a minute or two; what takes longer than this hangs. */
const cloudInitSeconds = 900;
/** Below this, not even the packages that are needed fit. */
const leastMiB = 150;

/**
 * Waits until the provider's preparation (cloud-init) is over, and looks whether the machine can be managed at all.
 *
 * @throws LabError BECOME_REFUSED when whoever logs in cannot become root; PLAN_IMPOSSIBLE for a full disk or a system without a package
 * manager that is known
 */
export async function waitUntilReady(host: Host, reach: Reach, say: (line: string) => void): Promise<void> {
  const { connection, settings } = await reach(host, 'declared');
  await using open = connection;
  const asking = await collect(await open.start(['sh', '-c', 'cloud-init status 2>/dev/null || :']));
  if (/running|not run|not started/.test(asking.stdout.toString())) {
    say('cloud-init is at work: waiting until it is done');
    const wait = `timeout ${cloudInitSeconds} cloud-init status --wait >/dev/null 2>&1; [ $? -ne 124 ]`;
    const { code } = await collect(await open.start(['sh', '-c', wait]));
    if (code !== 0) throw stillBusy(host);
  }
  await using session = await Session.open(open, settings).catch((error) => {
    throw error instanceof LabError ? withoutSudo(error, host) : error;
  });
  const frames = await session
    .request('lab_b space; df -Pk /var 2>/dev/null | tail -n 1; lab_e space 0\nlab_read_system')
    .catch((error) => {
      throw error instanceof LabError ? withoutSudo(error, host) : error;
    });
  const freeMiB = Math.floor(Number(frames.get('space')?.body.toString().trim().split(/\s+/)[3] ?? 0) / 1024);
  const system = frames.get('system')?.body.toString() ?? '';
  const name = /^os=PRETTY_NAME=(.*)$/m.exec(system)?.[1]?.replaceAll('"', '') ?? 'a system that does not say its name';
  say(`${name}, ${freeMiB} MiB free`);
  if (freeMiB >= leastMiB) return;
  throw new LabError('PLAN_IMPOSSIBLE', `the disk of ${host.name} is full`, {
    host: host.name,
    expected: `${leastMiB} MiB free in /var`,
    found: `${freeMiB} MiB`,
    hint: 'apt-get clean, journalctl --vacuum-size=20M, or a larger disk; then say the same again',
  });
}

function stillBusy({ name }: Host): LabError {
  return new LabError('PLAN_IMPOSSIBLE', `cloud-init of ${name} is not done after ${cloudInitSeconds / 60} minutes`, {
    host: name,
    hint: 'cloud-init status --long, and /var/log/cloud-init-output.log there; then say the same again',
  });
}

function withoutSudo(error: LabError, { connection }: Host): LabError {
  if (error.code !== 'BECOME_REFUSED') return error;
  const root = `or bootstrap as root instead of ${connection.user}`;
  const { hint } = error.details;
  return new LabError(error.code, error.message, {
    ...error.details,
    hint: hint === undefined ? root : `${hint}; ${root}`,
  });
}
