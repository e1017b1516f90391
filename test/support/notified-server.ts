import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Delivery {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a server answers with: a status, or nothing at all. */
type Answer = number | 'silence';

/** A web server on loopback that keeps what is posted to it; `await using` stops it. */
export interface NotifiedServer extends AsyncDisposable {
  readonly url: string;
  readonly deliveries: Delivery[];
}

/** @param answers to the first requests; all others get a 200 */
export async function notifiedServer(...answers: readonly Answer[]): Promise<NotifiedServer> {
  const deliveries: Delivery[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { method = '', url: path = '', headers } = request;
    const answer = answers[deliveries.length] ?? 200;
    deliveries.push({ method, path, headers, body: Buffer.concat(pieces).toString() });
    if (answer === 'silence') return;
    response.writeHead(answer, answer >= 300 && answer < 400 ? { Location: '/elsewhere' } : {}).end('answer');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/topic`,
    deliveries,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
