/**
 * `npm run bench:gateway`: what the way through the gateway costs: TLS and HTTP at the gateway and WireGuard to the home, beside
 * HTTP to the same server on its own network. Options are described in docs/benchmarks.md.
 */
import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { GatewayHomelab } from '../test/support/gateway-homelab.ts';

const { values } = parseArgs({
  options: { megabytes: { type: 'string', default: '200' }, rounds: { type: 'string', default: '5' } },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const bytes = Number(values.megabytes) * 1_000_000;
const requests = 200;
const run = promisify(execFile);

interface Way {
  readonly title: string;
  /** Runs a command with curl where the way begins, below the address of the server. */
  curl(words: string, path: string): Promise<string>;
}

const homelab = await GatewayHomelab.start();
try {
  const ways: Way[] = [
    {
      title: 'on its own network, HTTP',
      curl: async (words, path) =>
        (await run('sh', ['-c', `curl -sS ${words} "http://10.71.1.10:2343${path}"`], { maxBuffer: 1e8 })).stdout,
    },
    {
      title: 'gateway to home by the tunnel, HTTP',
      curl: (words, path) => homelab.inside('vps', `curl -sS ${words} "http://10.83.0.10:2343${path}"`),
    },
    {
      title: 'stranger by the gateway, HTTPS',
      curl: (words, path) => homelab.inside('internet', `curl -sS ${words} "https://files.example.test${path}"`),
    },
  ];
  await homelab.inside(
    'vps',
    'command -v curl >/dev/null || apt-get install -y --no-install-recommends curl >/dev/null 2>&1',
  );
  const down = new Map<Way, number[]>();
  const small = new Map<Way, number[]>();
  // In turn, so that what else the machine does is everybody's.
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const way of ways) {
      const speed = Number(await way.curl(`-o /dev/null -w '%{speed_download}'`, `/zeros/${bytes}`));
      down.set(way, [...(down.get(way) ?? []), speed / 1_000_000]);
      const times = await way.curl(`-o /dev/null -w '%{time_total}\\n'`, `/[1-${requests}]`);
      const each = times.trim().split('\n').map(Number);
      small.set(way, [...(small.get(way) ?? []), median(each) * 1000]);
    }
  }
  say(
    `${values.megabytes} MB and ${requests} small requests one after the other, medians of ${values.rounds} rounds:\n`,
  );
  say(`${'way'.padEnd(36)}  MB/s    ratio  a request takes`);
  const base = median(down.get(ways[0] as Way) ?? []);
  for (const way of ways) {
    const speed = median(down.get(way) ?? []);
    const delay = `${median(small.get(way) ?? []).toFixed(1)} ms`;
    say(`${way.title.padEnd(36)}  ${speed.toFixed(0).padEnd(6)}  ${(speed / base).toFixed(2)}   ${delay}`);
  }
} finally {
  await homelab[Symbol.asyncDispose]();
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
