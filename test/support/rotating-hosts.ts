import { rotateKeys } from '../../roles/wireguard/role.ts';
import type { Procedure } from '../../src/playbook/procedure.ts';
import { TunnelHosts } from './tunnel.ts';

export const rotatingNames = ['gateway', 'nas', 'node'] as const;
export type RotatingName = (typeof rotatingNames)[number];

/**
 * What waits for a handshake that got lost waits for 5 s (REKEY_TIMEOUT, "WireGuard: Next Generation Kernel Network Tunnel", 6.1); less
 * is a busy machine.
 */
export const lateMs = 4000;

/** A gateway and two members, whose keys are rotated. */
export class RotatingHosts implements AsyncDisposable {
  readonly tunnel: TunnelHosts<RotatingName>;

  private constructor(tunnel: TunnelHosts<RotatingName>) {
    this.tunnel = tunnel;
  }

  static async start(): Promise<RotatingHosts> {
    const tunnel = await TunnelHosts.start(rotatingNames);
    await tunnel.apply();
    await tunnel.reachesAll();
    return new RotatingHosts(tunnel);
  }

  readonly rotate = (
    given: Readonly<Record<string, unknown>>,
    options: Parameters<TunnelHosts<RotatingName>['proceed']>[1] = {},
  ) =>
    this.tunnel.proceed((inventory) => rotateKeys({ inventory, drain: '5s' }) as unknown as Procedure, {
      given,
      ...options,
    });

  /** Key pairs and preshared keys as they stand on a host. */
  readonly secretsOf = async (name: RotatingName) =>
    (await this.tunnel.hosts[name].sh('cat /etc/wireguard/*.key /etc/wireguard/*.psk')).trim().split('\n');

  readonly publicKeys = () => this.tunnel.hosts.gateway.sh('cat /etc/wireguard/*.links /etc/wireguard/*.pub');

  readonly interfacesOf = async (name: RotatingName) =>
    (await this.tunnel.hosts[name].sh('wg show interfaces')).trim().split(/\s+/).sort();

  /** Where a host with one interface goes with new keys. */
  readonly nextOf = async (name: RotatingName) => {
    const [now] = await this.interfacesOf(name);
    return now === 'wg0' ? 'wg0b' : 'wg0';
  };

  /** Ends the controller's part after a step, as Ctrl-C would; the exit code. */
  readonly interruptAfter = async (step: string) => {
    const stop = new AbortController();
    const { exitCode } = await this.rotate(
      { maxAge: '0s' },
      {
        stop: stop.signal,
        onProcedure: (event) => event.event === 'step-finished' && event.name === step && stop.abort(),
      },
    );
    return exitCode;
  };

  /** What a run of the role finds on every host. */
  readonly statuses = async () => (await this.tunnel.apply()).finished.map(({ status }) => status);

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tunnel.remove();
  }
}
