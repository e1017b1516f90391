/**
 * `npm run bench -- --quick`: lab against the floor on 1 and 10 hosts. Without it: Ansible as well, first, converged and
 * check runs; `--large` adds 25 hosts. Options are described in docs/benchmarks.md.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { ownerOfThisProcess, testLabel } from '../test/support/sweep.ts';
import { ansible } from './ansible.ts';
import { type Contestant, type Field, type Kind, kinds, type Started } from './contestant.ts';
import { Ground } from './field.ts';
import { floor } from './floor.ts';
import { raiseInotifyLimit, restoreInotifyLimit } from './inotify.ts';
import { lab } from './lab.ts';
import { installAnsible, start } from './processes.ts';
import { format, type Sample, summarise } from './report.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    hosts: { type: 'string' },
    'round-trips': { type: 'string' },
    only: { type: 'string' },
    kinds: { type: 'string' },
    repeat: { type: 'string' },
    json: { type: 'string' },
  },
});

const numbers = (text: string | undefined) => text?.split(',').map(Number);
const hostCounts = numbers(values.hosts) ?? (values.quick ? [1, 10] : [1, 5, 10, ...(values.large ? [25] : [])]);
const roundTrips = numbers(values['round-trips']) ?? [0, 50];
const wantedKinds = (values.kinds?.split(',') ?? (values.quick ? ['converged'] : kinds)) as Kind[];
const all: Contestant[] = [floor, lab, ansible('mitogen'), ansible('tuned'), ansible('default')];
const contestants = all.filter(
  ({ name }) => values.only?.split(',').includes(name) ?? (!values.quick || name === 'floor' || name === 'lab'),
);

const ground = new Ground();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.prependOnceListener(signal, () => {
    abandon();
    process.exit(130);
  });

try {
  await main();
} finally {
  await cleanUp();
}

async function main(): Promise<void> {
  const wanted = contestants.map(({ name }) => name);
  if (wanted.some((name) => name.startsWith('ansible')))
    await installAnsible([
      'ansible-core',
      ...(wanted.includes('ansible-mitogen') ? (['ansible-mitogen'] as const) : []),
    ]);
  const most = Math.max(...hostCounts);
  if (most > 12) raiseInotifyLimit();
  const samples: Sample[] = [];
  for (const count of hostCounts) {
    say(`booting up to ${count} hosts`);
    await ground.grow(count);
    for (const roundTripMs of roundTrips) {
      for (const contestant of inOrder()) {
        try {
          samples.push(...(await measure(contestant, count, roundTripMs)));
        } catch (error) {
          // Its column stays empty; the others go on.
          say(`${contestant.name} failed on ${count} hosts at ${roundTripMs} ms: ${(error as Error).message}`);
          process.exitCode = 1;
        }
      }
    }
  }
  const rows = summarise(samples);
  process.stdout.write(`\n${format(rows)}\n`);
  if (values.json !== undefined) {
    const machine = { node: process.version, processor: cpus()[0]?.model, processors: cpus().length };
    writeFileSync(
      values.json,
      `${JSON.stringify({ measuredAt: new Date().toISOString(), machine, rows, samples }, null, 2)}\n`,
    );
  }
}

/** The floor reads what a run has left: lab comes before it. */
function inOrder(): Contestant[] {
  return [...contestants].sort((a, b) => Number(a === floor) - Number(b === floor));
}

async function measure(contestant: Contestant, hosts: number, roundTripMs: number): Promise<Sample[]> {
  const field = await ground.field(contestant.name, hosts, roundTripMs);
  await contestant.prepare(field);
  const samples: Sample[] = [];
  const once = async (kind: Kind) => {
    const { seconds, outputs } = await run(contestant.processes(field, kind));
    contestant.verify(kind, outputs);
    return { contestant: contestant.name, hosts, roundTripMs, kind, seconds };
  };
  if (contestant === floor) await convergeWith(lab, hosts);
  else {
    await ground.reset(hosts);
    const first = await once('first');
    if (wantedKinds.includes('first')) samples.push(first);
    if (contestant === lab) await once('converged'); // the first load of a playbook fills a cache
  }
  for (const kind of ['converged', 'check'] as const) {
    if (!wantedKinds.includes(kind) || !contestant.kinds.includes(kind)) continue;
    const repeat = Number(values.repeat ?? repeats(contestant, hosts, roundTripMs));
    for (let at = 0; at < repeat; at++) samples.push(await once(kind));
  }
  for (const { kind, seconds } of samples)
    say(`${hosts} hosts, ${roundTripMs} ms, ${kind}, ${contestant.name}: ${seconds.toFixed(3)} s`);
  return samples;
}

/** Runs that take a minute vary little; the whole must end within the hour. */
function repeats({ name }: Contestant, hosts: number, roundTripMs: number): number {
  if (!name.startsWith('ansible')) return 7;
  return hosts === 1 && roundTripMs === 0 ? 3 : 1;
}

async function convergeWith(contestant: Contestant, hosts: number): Promise<void> {
  const field: Field = await ground.field(`${contestant.name}-for-floor`, hosts, 0);
  await contestant.prepare(field);
  await run(contestant.processes(field, 'first'));
}

async function run(processes: readonly Started[]): Promise<{ seconds: number; outputs: string[] }> {
  const began = performance.now();
  const outputs = await Promise.all(processes.map(start));
  return { seconds: (performance.now() - began) / 1000, outputs };
}

async function cleanUp(): Promise<void> {
  await ground[Symbol.asyncDispose]();
  restoreInotifyLimit();
}

/** At once and without waiting for anything: hosts that are still booting are found by their label. */
function abandon(): void {
  const docker = (...words: string[]) => spawnSync('docker', words, { encoding: 'utf8' }).stdout;
  const ids = docker('ps', '--all', '--quiet', '--filter', `label=${testLabel}=${ownerOfThisProcess()}`);
  if (ids.trim() !== '') docker('rm', '--force', '--volumes', ...ids.trim().split('\n'));
  rmSync(ground.folder, { recursive: true, force: true });
  restoreInotifyLimit();
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
