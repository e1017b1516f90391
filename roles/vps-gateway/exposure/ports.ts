import type { Host, Inventory } from '../../../src/index.ts';
import { publicAddressesOf } from '../../dns/public/records.ts';
import { hasPort, passedOnBy, permitFor } from '../../firewall/evaluate.ts';
import type { Policy } from '../../firewall/policy.ts';
import { probesOf } from '../../firewall/verify/probes.ts';

/** Of programs that homes run, and that are forwarded by mistake or by UPnP. */
const oftenForwarded = [5000, 5001, 8006, 8096, 8123, 8443, 9000, 9443, 32400];

/** Somebody in the internet, of each family. */
const stranger = { 4: '1.1.1.1', 6: '2606:4700:4700::1111' } as const;

/** TCP ports that are tried at a public host. Pure. */
export function portsOf(host: Host, policy: Policy, more: readonly number[]): readonly number[] {
  const ports = probesOf(host, policy, more).flatMap(({ protocol, port }) => (protocol === 'tcp' ? [port] : []));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** TCP ports that are tried at the home's line: whatever any host or service has. Pure. */
export function portsAtHome(inventory: Inventory, policy: Policy, more: readonly number[]): readonly number[] {
  const hosts = [...inventory.hosts.values()];
  const ports = [
    ...hosts.flatMap((host) => portsOf(host, policy, more)),
    ...hosts.map(({ connection }) => connection.port ?? 22),
    ...[...inventory.services.values()].map(({ port }) => port),
    ...oftenForwarded,
    ...more,
  ];
  return [...new Set(ports)].sort((a, b) => a - b);
}

/**
 * Whether a flow lets strangers, or who tries it, connect to a port of a public host. Pure.
 *
 * @param sources addresses of who tries it
 */
export function isOpenAt(
  host: string,
  { address, port }: { readonly address: string; readonly port: number },
  policy: Policy,
  sources: readonly string[],
): boolean {
  const family = address.includes(':') ? 6 : 4;
  const all = [stranger[family], ...sources.filter((source) => source.includes(':') === (family === 6))];
  return all.some((source) => {
    const packet = { source, destination: address, protocol: 'tcp', port } as const;
    return (permitFor(policy, packet) ?? passedOnBy(host, policy, packet)) !== undefined;
  });
}

/** Whether a flow leads from the internet to this port of a host at home, past the gateways. Pure. */
export function isOpenAtHome(port: number, inventory: Inventory, { permits }: Policy): boolean {
  const isAtHome = (name: string) => {
    const host = inventory.hosts.get(name);
    return host !== undefined && publicAddressesOf(host, inventory).length === 0;
  };
  return permits.some(
    ({ from, to, via, protocol, ports }) =>
      via === undefined &&
      from.who !== 'addresses' &&
      protocol !== 'udp' &&
      hasPort(ports, port) &&
      [...to.hosts].some(isAtHome),
  );
}
