import { connect } from 'node:net';
import { presentContainers } from './present.ts';
import { requireDocker } from './requirements.ts';
import { addressesOf } from './state-folder.ts';
import { defaultSandboxName, layOut, type SandboxContainer, type SandboxInventory } from './topology.ts';

export interface MachineStatus {
  readonly name: string;
  readonly container: string;
  readonly kind: SandboxContainer['kind'];
  /** Of the container: `running`, `exited`, `restarting`, …; `absent` when there is none. */
  readonly state: string;
  readonly addresses: readonly string[];
  /** Whether sshd answers; `null` for what is no host. */
  readonly ssh: boolean | null;
}

/**
 * What of the sandbox is there, in the order of the inventory.
 *
 * @throws LabError SANDBOX_REQUIREMENTS, SANDBOX_FAILED
 */
export async function sandboxStatus(
  inventory: SandboxInventory,
  sandbox: string = defaultSandboxName,
): Promise<MachineStatus[]> {
  const topology = layOut(inventory, sandbox);
  await requireDocker();
  const present = new Map((await presentContainers(sandbox)).map(({ name, state }) => [name, state]));
  const machines = [...topology.hosts, topology.router, topology.client].filter((machine) => machine !== undefined);
  return await Promise.all(
    machines.map(async (machine) => {
      const state = present.get(machine.container) ?? 'absent';
      const { name, container, kind } = machine;
      const addresses = addressesOf(machine);
      const ssh = kind === 'host' ? state === 'running' && (await speaksSsh(addresses[0] ?? '', 22)) : null;
      return { name, container, kind, state, addresses, ssh };
    }),
  );
}

/** Whether a server sends an SSH identification (RFC 4253, 4.2) within two seconds. */
function speaksSsh(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('data', (data) => settle(data.toString('latin1').startsWith('SSH-')));
  });
}
