import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { paramsFor } from '../../roles/wireguard/host-params.ts';
import { rotateKeys } from '../../roles/wireguard/role.ts';
import { counterpart, type LinkEnd, stateOf, type TunnelState } from '../../roles/wireguard/state.ts';
import { readState } from '../../roles/wireguard/tunnel.ts';
import type { Procedure } from '../../src/playbook/procedure.ts';
import { resume } from '../../src/runner/resume.ts';
import { LabError } from '../../src/shared/errors.ts';
import { whatIsLeft } from '../support/guarded.ts';
import { TunnelHosts } from '../support/tunnel.ts';
import { RunningRotation } from './running-rotation.ts';

export const laneNames = ['gateway', 'nas', 'node'] as const;
export type LaneName = (typeof laneNames)[number];

/** Seconds; the default is 60. A host that lost its controller takes back what was not confirmed after that time. */
const guardSeconds = 10;
/** How long links may be without packets, in seconds: the time of the guard by default. */
const patienceSeconds = 60;
export const rotationDrain = '2s';

const links = [
  ['gateway', 'nas'],
  ['gateway', 'node'],
] as const;

/** How a rotation that was begun is ended by another controller. */
export interface Ending {
  readonly kind: 'resume' | 'abort';
  /** At once, by what `lab resume` does before it looks at rotations; otherwise when no host is at work any more. */
  readonly atOnce: boolean;
}

interface Ended {
  readonly complaints: readonly string[];
  /** What the controller told. */
  readonly text: string;
}

/** Three hosts with a tunnel, whose keys are rotated again and again. */
export class RotationLane implements AsyncDisposable {
  readonly tunnel: TunnelHosts<LaneName>;
  /** `/etc` and `/var/lib/lab` are on a small disk, which does not outlast a boot. */
  readonly smallDisk: boolean;
  /** Step → milliseconds that it takes when nothing goes wrong. */
  readonly durations: ReadonlyMap<string, number>;

  private constructor(tunnel: TunnelHosts<LaneName>, smallDisk: boolean, durations: ReadonlyMap<string, number>) {
    this.tunnel = tunnel;
    this.smallDisk = smallDisk;
    this.durations = durations;
  }

  /** @throws Error when a rotation that nothing disturbs does not come to its end */
  static async start(smallDisk: boolean): Promise<RotationLane> {
    const tunnel = await TunnelHosts.start(laneNames, () => ({
      tmpfs: smallDisk ? { '/disk': 'size=24m,mode=755' } : {},
    }));
    const lane = new RotationLane(tunnel, smallDisk, new Map());
    try {
      if (smallDisk) for (const name of laneNames) await tunnel.hosts[name].sh(ontoSmallDisk);
      await tunnel.apply();
      await tunnel.reachesAll();
      return new RotationLane(tunnel, smallDisk, await lane.#measure());
    } catch (error) {
      await lane[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #measure(): Promise<ReadonlyMap<string, number>> {
    const { exitCode, text, told } = await this.#proceed({ maxAge: '0s' });
    if (exitCode !== 0) throw new Error(text);
    return new Map(told.flatMap((event) => (event.event === 'step-finished' ? [[event.name, event.ms] as const] : [])));
  }

  #proceed(given: Readonly<Record<string, unknown>>) {
    return this.tunnel.proceed((inventory) => rotateKeys({ inventory, drain: rotationDrain }) as unknown as Procedure, {
      given,
      guardSeconds,
    });
  }

  /** Begins a rotation of all links. */
  rotate(holdAfter: string | null): Promise<RunningRotation> {
    const { hosts, known } = this.tunnel;
    const told = laneNames.map((name) => {
      const { address, connection, hostKeys } = hosts[name];
      return [name, { address, connection, hostKeys }] as const;
    });
    return RunningRotation.start({
      hosts: Object.fromEntries(told) as never,
      known: [...known],
      guardSeconds,
      holdAfter,
    });
  }

  /** Ends what was begun, from a controller that knows nothing of it. */
  async end({ kind, atOnce }: Ending): Promise<Ended> {
    this.tunnel.known.clear();
    if (atOnce) await this.#resumeRuns();
    else for (const name of laneNames) await this.#quiet(name);
    if (kind === 'resume') return this.#ended('resume', { onlyBegun: true });
    try {
      return await this.#ended('abort', { abort: true });
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'ROLLBACK_REFUSED') throw error;
      return this.#ended('resume after a refused abort', { onlyBegun: true });
    }
  }

  async #ended(what: string, given: Readonly<Record<string, unknown>>): Promise<Ended> {
    const { exitCode, text } = await this.#proceed(given);
    return {
      text: `${what}:\n${text}`,
      complaints: exitCode === 0 ? [] : [`${what} ended with exit code ${exitCode}`],
    };
  }

  async #resumeRuns(): Promise<void> {
    await resume({
      hosts: this.tunnel.managed(),
      connect: this.tunnel.connect,
      onEvent: () => {},
      stop: new AbortController().signal,
      guardSeconds,
    });
  }

  /** Waits until nothing of a run is at work on a host any more. */
  async #quiet(name: LaneName): Promise<void> {
    await this.tunnel.hosts[name].sh(`tries=0
      while pgrep -f '/var/lib/lab/[r]uns' >/dev/null; do
        tries=$((tries + 1)); [ $tries -lt 1200 ] || { ps -eo pid,args; exit 1; }; sleep 0.1
      done`);
  }

  /** What of a run is left that could act later. A guardian looks once a second whether it is still needed. */
  async #left(name: LaneName): Promise<string> {
    for (let tries = 0; ; tries++) {
      const left = await whatIsLeft(this.tunnel.hosts[name]);
      if (left === '' || tries === 15) return left;
      await pause(1000);
    }
  }

  /** Complaints about links between these hosts that carry nothing, over IPv4 or IPv6. */
  async mute(live: readonly LaneName[]): Promise<string[]> {
    const targetsOf = (from: LaneName) =>
      live.filter((to) => to !== from && (from === 'gateway' || to === 'gateway' || live.includes('gateway')));
    const found = await Promise.all(
      live.map(async (from) => {
        const addresses = targetsOf(from).flatMap((to) => [this.tunnel.inside(to), this.tunnel.inside(to, 6)]);
        const tries = addresses.map((address) => `reach ${address} &`).join('\n');
        const silent = await this.tunnel.hosts[from].sh(
          `reach() { for _ in $(seq ${patienceSeconds}); do ping -c 1 -W 1 $1 >/dev/null 2>&1 && return; sleep 0.3; done; echo $1; }\n${tries}\nwait`,
        );
        if (silent === '') return [];
        const look = await this.tunnel.hosts[from].sh(lookAtTunnel);
        return [`${from} does not reach ${silent.trim().split('\n').join(', ')}:\n${look}`];
      }),
    );
    return found.flat();
  }

  /** What each host is in the tunnel, by its own files. */
  async states(): Promise<ReadonlyMap<LaneName, TunnelState>> {
    return new Map(
      await Promise.all(
        laneNames.map(async (name) => {
          const text = await this.tunnel.hosts[name].sh('cd /etc/wireguard; head -v -n 999 *.links *.pub');
          const parts = new Map(text.split(/^==> /m).map((part) => part.trim().split(' <==\n') as [string, string]));
          const content = async (path: string) => {
            const part = parts.get(basename(path));
            return part === undefined ? null : Buffer.from(part);
          };
          const state = await readState({ params: paramsFor(undefined), facts: { content } });
          return [name, stateOf(state ?? undefined)] as const;
        }),
      ),
    );
  }

  /** Complaints about links that are in no state that has a name: each end has one way in use, and the other side knows it. */
  async nameless(): Promise<string[]> {
    const states = await this.states();
    return links.flatMap(([a, b]) =>
      [[a, b] as const, [b, a] as const].flatMap(([host, peer]) => {
        const own = states.get(host) as TunnelState;
        const other = states.get(peer) as TunnelState;
        const active = (own.links.get(peer) ?? []).filter(({ phase }) => phase === 'active');
        const [end] = active;
        const text = () => ` (${describeEnds(own.links.get(peer))}; there ${describeEnds(other.links.get(host))})`;
        if (end === undefined || active.length > 1) return [`${host} – ${peer}: ${active.length} active ends${text()}`];
        if (!own.keys.has(end.interface)) return [`${host} has no key of ${end.interface}${text()}`];
        if (counterpart(end, other, host) === undefined) return [`${peer} does not know the way of ${host}${text()}`];
        return other.keys.get(end.peerInterface) === end.peerKey ? [] : [`${host} has another key of ${peer}${text()}`];
      }),
    );
  }

  /** Complaints about hosts that have more or less than their links need. */
  async notAtRest(): Promise<string[]> {
    const states = await this.states();
    const found = await Promise.all(
      laneNames.map(async (name) => {
        await this.#quiet(name);
        const { links: ends } = states.get(name) as TunnelState;
        const all = [...ends].flatMap(([peer, each]) => each.map((end) => ({ peer, end })));
        const wanted = [...new Set(all.map(({ end }) => end.interface))].sort();
        const now = await this.tunnel.hosts[name].sh(inventoryOfHost);
        const expected = [
          ...['up', 'key', 'pub', 'conf', 'boot'].map((what) => `${what} ${wanted.join(' ')}`),
          `psk ${all
            .map(({ peer, end }) => `${end.interface}.${peer}`)
            .sort()
            .join(' ')}`,
          'canaries',
          '',
        ].join('\n');
        const left = await this.#left(name);
        const runs = now === expected ? '' : await this.tunnel.hosts[name].sh(lookAtRuns);
        return [
          ...(now === expected ? [] : [`${name} has\n${now}and not\n${expected}\n${runs}`]),
          ...(all.some(({ end }) => end.phase !== 'active') || all.length !== (name === 'gateway' ? 2 : 1)
            ? [`${name} has ${all.map(({ peer, end }) => `${peer}: ${describeEnds([end])}`).join(', ')}`]
            : []),
          ...(left === '' ? [] : [`left on ${name}: ${left}`]),
        ];
      }),
    );
    return [...found.flat(), ...(await this.nameless())];
  }

  /** Complaints about a plain run of the role that changes something. */
  async notDeclared(): Promise<string[]> {
    const { finished, events } = await this.tunnel.apply();
    return finished
      .filter(({ status }) => status !== 'ok')
      .map(({ host, status, failure }) => {
        const planned = events.filter((event) => event.event === 'host-planned' && event.host === host);
        return `a plain run on ${host}: ${status} ${JSON.stringify(failure ?? planned)}`;
      });
  }

  /** Private and preshared keys of all hosts. */
  async secrets(): Promise<ReadonlyMap<LaneName, readonly string[]>> {
    return new Map(
      await Promise.all(
        laneNames.map(async (name) => {
          const text = await this.tunnel.hosts[name].sh('cat /etc/wireguard/*.key /etc/wireguard/*.psk');
          return [name, text.trim().split('\n')] as const;
        }),
      ),
    );
  }

  /** Complaints about copies of keys that are no longer in use. */
  async copiesOf(before: ReadonlyMap<LaneName, readonly string[]>): Promise<string[]> {
    const now = await this.secrets();
    const found = await Promise.all(
      laneNames.map(async (name) => {
        const gone = (before.get(name) ?? []).filter((secret) => now.get(name)?.includes(secret) !== true);
        if (gone.length === 0) return [];
        const files = await this.tunnel.hosts[name].exec(
          ['sh', '-c', 'grep -r -l -s -F -f /dev/stdin /etc /var/lib/lab /root'],
          `${gone.join('\n')}\n`,
        );
        return files.stdout === '' ? [] : [`a key that was destroyed is still in ${files.stdout.trim()} of ${name}`];
      }),
    );
    return found.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tunnel.remove();
  }
}

function describeEnds(ends: readonly LinkEnd[] | undefined): string {
  return (ends ?? []).map((end) => `${end.interface} to ${end.peerInterface} ${end.phase}`).join(' and ') || 'none';
}

const ontoSmallDisk = `set -e
cp -a /etc /disk/etc
mkdir -p /disk/lab /var/lib/lab
chmod 700 /disk/lab /var/lib/lab
mount --bind /disk/etc /etc
mount --bind /disk/lab /var/lib/lab`;

const lookAtTunnel = `cat /etc/wireguard/*.links; ls -l /etc/wireguard; ip address; ip route; wg show all dump | cut -f 1,3-
journalctl --no-pager --boot --lines=60 --unit='wg-quick@*' --unit=lab-recover --unit='lab-*'`;

/** The last runs: what each became, its journals and what it printed. */
const lookAtRuns = `cd /var/lib/lab/runs
for run in $(ls -t | head -n 4); do tail -n 40 $run/state $run/stage-*/journal $run/stage-*/log; done
journalctl --no-pager --boot --lines=60 --unit='wg-quick@*' --unit=lab-recover --unit='lab-*'`;

/** Interfaces that are up, those with files of each kind, those that start at boot, preshared keys, canaries of a rotation. */
const inventoryOfHost = `cd /etc/wireguard
named() { for file in *.$1; do [ ! -e "$file" ] || printf ' %s' "\${file%.$1}"; done; echo; }
echo "up $(wg show interfaces | tr ' ' '\\n' | sort | tr '\\n' ' ' | sed 's/ $//')"
for kind in key pub conf; do printf %s $kind; named $kind; done
echo "boot $(ls /etc/systemd/system/multi-user.target.wants | sed -n 's/^wg-quick@\\(.*\\)\\.service$/\\1/p' | sort | tr '\\n' ' ' | sed 's/ $//')"
printf psk; named psk
echo "canaries$(pgrep -f '^ping -n -i 0.05 ' | sed 's/^/ /' | tr -d '\\n')"
`;
