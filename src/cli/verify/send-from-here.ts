import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import pLimit from 'p-limit';
import type { Probe } from '../../../roles/firewall/verify/probes.ts';

/** Tries all of it from this machine. */
export async function sendFromHere(probes: readonly Probe[]): Promise<void> {
  const limit = pLimit(100);
  await Promise.all(probes.map((probe) => limit(() => begin(probe))));
}

function begin({ destination, protocol, port }: Probe): Promise<void> {
  return new Promise((resolve) => {
    if (protocol === 'tcp') {
      const socket = connect({ host: destination, port, timeout: 1000 });
      const over = () => void socket.destroy();
      socket
        .on('connect', over)
        .on('timeout', over)
        .on('error', () => {})
        .on('close', () => resolve());
      return;
    }
    const socket = createSocket(destination.includes(':') ? 'udp6' : 'udp4');
    // Without that family here it tells so by the event alone.
    socket.on('error', () => resolve());
    socket.send('x', port, destination, () => socket.close(() => resolve()));
  });
}
