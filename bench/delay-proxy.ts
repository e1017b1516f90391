import { createServer, connect as dial, type Socket } from 'node:net';

export interface DelayProxy extends AsyncDisposable {
  readonly port: number;
}

/**
 * A TCP proxy on loopback that makes a near host a far one: every chunk arrives half a round trip after it was sent, many
 * at a time on the way (a kernel without `netem` cannot do it). The handshake's own round trip is added to the first bytes.
 *
 * @param roundTripMs of the imagined network
 */
export async function startDelayProxy(address: string, port: number, roundTripMs: number): Promise<DelayProxy> {
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = dial({ host: address, port, noDelay: true, allowHalfOpen: true });
    const opened = performance.now();
    carry(near, far, roundTripMs / 2, opened + roundTripMs * 1.5);
    carry(far, near, roundTripMs / 2, opened + roundTripMs * 2);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {
        near.destroy();
        far.destroy();
      });
      socket.on('close', () => open.delete(socket));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the proxy has no port');
  return {
    port: bound.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function carry(from: Socket, to: Socket, delayMs: number, notBefore: number): void {
  // Whichever timer fires, the oldest chunk goes first: timers of nearly the same time may change places.
  const onTheWay: (() => void)[] = [];
  const later = (work: () => void) => {
    onTheWay.push(work);
    const at = Math.max(performance.now() + delayMs, notBefore);
    setTimeout(() => onTheWay.shift()?.(), at - performance.now());
  };
  from.on('data', (chunk) => later(() => to.writable && to.write(chunk)));
  from.on('end', () => later(() => to.end()));
}
