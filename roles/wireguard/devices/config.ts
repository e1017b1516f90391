import { LabError, type Secret } from '../../../src/index.ts';
import { alone } from '../mesh.ts';
import type { DeviceLink } from './device-link.ts';

/** What a device needs besides its place. */
export interface DeviceKeys {
  /** As text, or what stands in its place where it is not known any more. */
  readonly privateKey: string;
  readonly presharedKey: string;
  readonly gatewayKey: string;
  /** Of the gateway. */
  readonly interfaceName: string;
  /** Everything goes through the tunnel, and not only what is inside. */
  readonly fullTunnel: boolean;
}

/** The configuration of a device, as wg-quick(8) and the apps of WireGuard read it. */
export function renderDeviceConfig(link: DeviceLink, keys: DeviceKeys): string {
  const { device, addresses, gateway, params, inside, endpoint } = link;
  return [
    `# ${device}`,
    '[Interface]',
    `PrivateKey = ${keys.privateKey}`,
    `Address = ${addresses.map(alone).join(', ')}`,
    ...(params.dns.length === 0 ? [] : [`DNS = ${params.dns.join(', ')}`]),
    `MTU = ${params.mtu}`,
    '',
    `# ${gateway}`,
    '[Peer]',
    `PublicKey = ${keys.gatewayKey}`,
    `PresharedKey = ${keys.presharedKey}`,
    `AllowedIPs = ${(keys.fullTunnel ? ['0.0.0.0/0', '::/0'] : inside).join(', ')}`,
    `Endpoint = ${endpoint(keys.interfaceName)}`,
    ...(params.keepalive === 0 ? [] : [`PersistentKeepalive = ${params.keepalive}`]),
    '',
  ].join('\n');
}

/** @throws LabError INTERNAL for a value that would end the line it stands in */
export function plain(secret: Secret, reveal: (secret: Secret) => string): string {
  const text = reveal(secret).trim();
  if (/^[A-Za-z0-9+/]{43}=$/.test(text)) return text;
  throw new LabError('INTERNAL', 'a key that was made is no key');
}
