import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { type StartedHost, startHost } from '../test/support/host.ts';
import type { Field, Target } from './contestant.ts';
import { type DelayProxy, startDelayProxy } from './delay-proxy.ts';
import * as workload from './workload.ts';

/** What Ansible needs on a host beyond the workload's own packages. */
const forAnsible = ['python3', 'python3-apt'];

/** The containers of a benchmark and everything around them; closed at the end, and on Ctrl-C. */
export class Ground implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'labwright-bench-'));
  readonly hosts: StartedHost[] = [];
  readonly #proxies: DelayProxy[] = [];
  #fields = 0;

  /** Boots as many hosts as are missing. Two at a time: more would not be faster on two cores. */
  async grow(count: number): Promise<void> {
    // The first alone: jiti gives a module that is still being loaded half-made to whoever asks for it a second time.
    if (this.hosts.length === 0 && count > 1) await this.grow(1);
    const limit = pLimit(2);
    const numbers = Array.from({ length: count - this.hosts.length }, (_, at) => this.hosts.length + at);
    await Promise.all(
      numbers.map((number) =>
        limit(async () => {
          const packages = [...workload.packages, ...forAnsible];
          const host = await startHost({ packages, hostname: `host${number}` });
          this.hosts.push(host);
          await host.sh(workload.prepareScript);
          await host.sh(workload.resetScript);
        }),
      ),
    );
  }

  /** @param contestant gets a folder of its own */
  async field(contestant: string, count: number, roundTripMs: number): Promise<Field> {
    const hosts = this.hosts.slice(0, count);
    const targets: Target[] = [];
    for (const [number, host] of hosts.entries()) {
      const name = `host${number}`;
      if (roundTripMs === 0) targets.push({ name, address: host.address, port: host.port });
      else {
        const proxy = await startDelayProxy(host.address, host.port, roundTripMs);
        this.#proxies.push(proxy);
        targets.push({ name, address: '127.0.0.1', port: proxy.port });
      }
    }
    const folder = join(this.folder, `${contestant}-${this.#fields++}`);
    mkdirSync(folder, { recursive: true });
    const knownHostsFile = join(folder, 'known_hosts');
    const lines = targets.flatMap(({ address, port }, at) =>
      (hosts[at]?.hostKeys ?? []).map(
        ({ type, base64 }) => `${port === 22 ? address : `[${address}]:${port}`} ${type} ${base64}`,
      ),
    );
    writeFileSync(knownHostsFile, `${lines.join('\n')}\n`);
    return { targets, identityFile: hosts[0]?.identityFile ?? '', knownHostsFile, folder };
  }

  /** Makes the hosts as bare as they were. */
  async reset(count: number): Promise<void> {
    const limit = pLimit(4);
    await Promise.all(this.hosts.slice(0, count).map((host) => limit(() => host.sh(workload.resetScript))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    await Promise.allSettled(this.hosts.map((host) => host.remove()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
