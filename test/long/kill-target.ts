import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { docker, tryCommand } from '../../src/sandbox/docker.ts';
import { imageExists } from '../../src/sandbox/images.ts';
import { type StartedHost, startHost } from '../support/host.ts';
import { testImage } from '../support/images.ts';
import { type Outcome, type RunOnOptions, runOn } from '../support/run-on.ts';
import { type Checksums, constantProbes, everyResource, probes, type Version } from './every-resource.ts';

/** Name of a probe → what it prints. */
export type State = ReadonlyMap<string, string>;

/** What a host has to fetch, to build and to tell about itself. */
const packages = ['busybox', 'curl', 'git', 'openssl', 'tzdata'];
const scripts = ['../support/apt-repository.sh', 'prepare-host.sh'].map((name) =>
  readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8'),
);
/** A guarded stage that nobody confirms is taken back after this long, in seconds. */
export const guardSeconds = 10;

/** A host that has been to both versions and back, so that what each resource looks like in either is known. */
export class KillTarget implements AsyncDisposable {
  /** The version it was last brought to. */
  version: Version = 'a';
  readonly states: Record<Version, State> = { a: new Map(), b: new Map() };
  /** Lines of the journals of a whole run towards a version, each with its stage: `1 begin 3`. */
  readonly journals: Record<Version, readonly string[]> = { a: [], b: [] };
  host: StartedHost;
  readonly checksums: Checksums;

  private constructor(host: StartedHost, checksums: Checksums) {
    this.host = host;
    this.checksums = checksums;
  }

  /** @throws Error when the host does not look the same every time that it is brought to a version, or after a boot */
  static async start(): Promise<KillTarget> {
    const host = await startHost({ image: await preparedImage(), packages });
    const sums = await host.sh('cd /srv/www && sha256sum large-* *.tar.gz');
    const checksums = Object.fromEntries(
      sums
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/).reverse() as [string, string]),
    );
    const target = new KillTarget(host, checksums);
    try {
      await target.#learn();
    } catch (error) {
      await target[Symbol.asyncDispose]();
      throw error;
    }
    return target;
  }

  async #learn(): Promise<void> {
    await this.bringTo('a');
    for (const version of ['b', 'a'] as const) {
      await this.bringTo(version);
      this.states[version] = await this.look();
      this.journals[version] = await this.#journal();
      await this.powerCycle();
      const differing = differences(await this.look(), this.states[version]);
      if (differing.length > 0) throw new Error(`not the same after a boot: ${differing.join('\n')}`);
    }
    const same = [...this.states.a.keys()].filter((name) => this.states.a.get(name) === this.states.b.get(name));
    const blind = same.filter((name) => !constantProbes.has(name));
    if (blind.length > 0) throw new Error(`the same in both versions: ${blind.join(', ')}`);
  }

  /** Without any strike. */
  async bringTo(version: Version): Promise<void> {
    const { finished } = await this.run(version);
    if (finished.status !== 'changed') throw new Error(JSON.stringify(finished.failure ?? finished, null, 1));
    this.version = version;
  }

  /** Lines as the journal has them, without their checksums. */
  async #journal(): Promise<readonly string[]> {
    const text = await this.host.sh(`read -r run </var/lib/lab/last-run; cd /var/lib/lab/runs/$run
      for stage in stage-*; do sed "s/^/\${stage#stage-} /; s/ #[0-9]*\\$//" $stage/journal; done`);
    return text.trim().split('\n');
  }

  /** Runs the engine in this process. */
  run(version: Version, options: RunOnOptions = {}): Promise<Outcome> {
    return runOn(this.host, () => everyResource(version, this.checksums), {
      guardSeconds,
      // Those who strike look at the differences themselves.
      unforeseen: true,
      address: () => this.host.address,
      ...options,
    });
  }

  async powerCycle(): Promise<void> {
    this.host = await this.host.powerCycle();
  }

  /** The same, without waiting until it has booted. */
  async powerCycleOnly(): Promise<void> {
    const { container } = this.host;
    for (const verb of ['kill', 'start']) await docker([verb, container], { purpose: `${verb} ${container}` });
  }

  /** Every resource as it is now. */
  async look(): Promise<State> {
    const mark = '==== ';
    const script = Object.entries(probes).map(([name, probe]) => `echo '${mark}${name}'; (${probe}) 2>&1`);
    const { stdout } = await this.host.exec(['sh', '-s'], script.join('\n'));
    const parts = stdout.split(mark).slice(1);
    return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]));
  }

  /** Complaints about resources that are neither as in one version nor as in the other. */
  async inBetween(): Promise<string[]> {
    const { a, b } = this.states;
    const now = [...(await this.look())];
    return now
      .filter(([name, text]) => text !== a.get(name) && text !== b.get(name))
      .map(([name, text]) => `${name} is in between:\n${text}`);
  }

  /** Complaints about what is not as in the version that was declared last. */
  async notAs(version: Version): Promise<string[]> {
    return differences(await this.look(), this.states[version]);
  }

  /** Waits until nothing of a run is at work on the host any more. */
  async quiet(): Promise<void> {
    await this.host.sh(`tries=0
      while pgrep -f '/var/lib/lab/[r]uns' >/dev/null || pgrep -f 'sshd: [r]oot' >/dev/null; do
        tries=$((tries + 1)); [ $tries -lt 2400 ] || { ps -eo pid,args; exit 1; }; /bin/sleep 0.05
      done`);
  }

  /** Complaints about what a run that has ended leaves behind. */
  async leftovers(): Promise<string[]> {
    const left = await this.host.sh(`
      for path in /var/lib/lab/lock /var/lib/lab/lock.breaking /var/lib/lab/pending/* /etc/systemd/system/lab-recover.service \
        /etc/systemd/system/multi-user.target.wants/lab-recover.service /etc/cron.d/lab-recover; do
        if [ -e "$path" ] || [ -L "$path" ]; then echo "$path"; fi
      done
      pgrep -a -f '^[^ ]* /var/lib/lab/[r]uns'
      systemctl list-units --plain --no-legend 'lab-*'
      grep -l -s damaged /var/lib/lab/runs/*/state
      find / -xdev -name '.lab-*' ! -name .lab-archive
      true`);
    return left === ''
      ? []
      : left
          .trim()
          .split('\n')
          .map((what) => `left behind: ${what}`);
  }

  /**
   * Holds the next program that comes to a point, `apply 1 begin 3`.
   *
   * @returns its id
   */
  async holdAt(point: string): Promise<string> {
    const id = String(++this.#holds);
    await this.host.sh(`echo '${id} ${point}' >/var/lib/kills/halt`);
    return id;
  }
  #holds = 0;

  /** False when nothing came to the point in time. */
  async isHeld(id: string, seconds: number): Promise<boolean> {
    const script = `tries=0; until [ -e /var/lib/kills/halted.${id} ]; do
      tries=$((tries + 1)); [ $tries -lt ${seconds * 50} ] || exit 1; /bin/sleep 0.02; done`;
    return (await this.host.exec(['sh', '-c', script])).exitCode === 0;
  }

  /** Lets go what is held. */
  async letGo(): Promise<void> {
    await this.host.sh('/bin/rm -f /var/lib/kills/halted.*');
  }

  /** Holds nothing any more. */
  async holdNothing(): Promise<void> {
    await this.host.sh('/bin/rm -f /var/lib/kills/*');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.remove();
  }
}

function differences(now: State, wanted: State): string[] {
  return [...wanted]
    .filter(([name, text]) => now.get(name) !== text)
    .map(([name, text]) => `${name} is\n${now.get(name)}and not\n${text}`);
}

/** The host before it ever met a run, kept as an image. */
async function preparedImage(): Promise<string> {
  const base = await testImage('debian', packages);
  const name = `labwright/test-kills:${createHash('sha256')
    .update([base, ...scripts].join('\0'))
    .digest('hex')
    .slice(0, 12)}`;
  if (await imageExists(name)) return name;
  await using host = await startHost({ packages });
  for (const script of scripts) await host.sh(script);
  const label = '--change=LABEL dev.labwright.image=test dev.labwright.test=';
  const { exitCode, stderr } = await tryCommand(['docker', 'commit', label, host.container, name]);
  if (exitCode !== 0) throw new Error(`docker commit: ${stderr}`);
  return name;
}
