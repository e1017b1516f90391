import type { StartedHost } from './host.ts';

/** A packet every 10 ms from one host to an address, until it is ended. */
export class Traffic {
  readonly #host: StartedHost;
  readonly #file: string;

  private constructor(host: StartedHost, file: string) {
    this.#host = host;
    this.#file = file;
  }

  static async start(host: StartedHost, address: string): Promise<Traffic> {
    const file = `/run/traffic-${address.replaceAll(/[^0-9a-z]/g, '-')}`;
    await host.sh(
      `setsid ping -n -i 0.01 ${address} >${file} 2>&1 </dev/null & echo $! >${file}.pid
      tries=0; until grep -q 'bytes from' ${file}; do tries=$((tries + 1)); [ $tries -lt 100 ] || { cat ${file} >&2; exit 1; }; sleep 0.1; done`,
    );
    return new Traffic(host, file);
  }

  /**
   * Packets that got no answer, but for those of the last second, which may be on their way; and the longest wait in milliseconds.
   */
  async end(): Promise<{ readonly sent: number; readonly lost: number; readonly longestMs: number }> {
    await this.#host.sh(`sleep 2; kill -INT $(cat ${this.#file}.pid); sleep 0.3`);
    const text = await this.#host.sh(`cat ${this.#file}; rm ${this.#file} ${this.#file}.pid`);
    const answered = new Set<number>();
    let longestMs = 0;
    for (const [, number, time] of text.matchAll(/bytes from .*icmp_seq=(\d+) .*time=([\d.]+) ms/g)) {
      answered.add(Number(number));
      longestMs = Math.max(longestMs, Number(time));
    }
    const sent = Number(/(\d+) packets transmitted/.exec(text)?.[1] ?? 0) - 100;
    const lost = Array.from({ length: sent }, (_, at) => at + 1).filter((number) => !answered.has(number)).length;
    return { sent, lost, longestMs };
  }
}
