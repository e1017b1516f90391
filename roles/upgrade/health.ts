import { type Facts, type Inventory, LabError, type RunFact } from '../../src/index.ts';
import { readRoleFile } from '../../src/shared/own-package.ts';

/** How a host is, as `health.sh` told it. */
export interface Health {
  /** Of systemd: `running`, `degraded`, `starting`, …; `none` on a host without it. */
  readonly state: string;
  readonly failedUnits: readonly string[];
  /** Names of declared services whose port is open. */
  readonly listening: readonly string[];
  readonly links: readonly LinkHealth[];
  /** Its clock, seconds since the epoch. */
  readonly now: number;
}

/** A peer of WireGuard on a running interface. */
export interface LinkHealth {
  readonly interface: string;
  readonly key: string;
  /** Seconds since the epoch; 0 for never. */
  readonly handshake: number;
  /** Whether this end sends something although nobody asked for it. */
  readonly isKeptAlive: boolean;
}

/** Services that the inventory declares on a host: name → `tcp:1F90`. */
export function portsOf({ services }: Inventory, host: string): ReadonlyMap<string, string> {
  const here = [...services].filter(([, service]) => service.host === host || service.replicas?.includes(host));
  return new Map(
    here.map(([name, { protocol, port }]) => [name, `${protocol}:${port.toString(16).toUpperCase().padStart(4, '0')}`]),
  );
}

/** @throws LabError READ_FAILED when not all of it could be told: what is not known is never as it was before */
export async function readHealth(facts: Facts, ports: ReadonlyMap<string, string>): Promise<Health> {
  const argv = ['sh', '-c', readRoleFile('upgrade/health.sh'), 'lab-health', ...new Set(ports.values())];
  return parseHealth(await facts.run(argv, { timeoutSeconds: 60 }), ports);
}

/** Pure; throws as `readHealth`. */
export function parseHealth({ stdout, exitCode }: RunFact, ports: ReadonlyMap<string, string>): Health {
  if (!stdout.endsWith('\nend\n'))
    throw new LabError('READ_FAILED', 'it does not tell how its units, services and links are', {
      expected: 'an answer within a minute',
      found: stdout === '' ? `none, exit code ${exitCode}` : `a part of one, exit code ${exitCode}`,
      hint: 'on the host: systemctl list-jobs; does systemctl answer at all?',
    });
  const lines = stdout.split('\n').map((line) => line.split(' '));
  const all = (word: string) => lines.flatMap(([first, ...rest]) => (first === word ? [rest] : []));
  const open = new Set(all('listens').map(([port]) => port));
  return {
    state: all('state')[0]?.[0] ?? 'none',
    failedUnits: all('failed').flatMap(([unit]) => unit ?? []),
    listening: [...ports].filter(([, port]) => open.has(port)).map(([name]) => name),
    links: all('peer').map(([name = '', key = '', handshake, keepalive]) => ({
      interface: name,
      key,
      handshake: Number(handshake),
      isKeptAlive: keepalive !== 'off',
    })),
    now: Number(all('now')[0]?.[0] ?? 0),
  };
}

/** After so long without a handshake WireGuard itself gives up a session (REJECT_AFTER_TIME). */
const sessionSeconds = 180;

export interface Expectation {
  readonly units: boolean;
  readonly services: boolean;
  readonly links: boolean;
  /** Public key → the host that has it, as far as it shakes hands by itself. */
  readonly hostKeys: ReadonlyMap<string, string>;
  readonly rebooted: boolean;
}

/** What is worse than before, a line each; none when the host is as it was. Pure. */
export function worseThan(before: Health, after: Health, expected: Expectation): string[] {
  const problems: string[] = [];
  if (expected.units) {
    if (!['running', 'degraded', 'none'].includes(after.state)) problems.push(`systemd says "${after.state}"`);
    const failed = after.failedUnits.filter((unit) => !before.failedUnits.includes(unit));
    problems.push(...failed.map((unit) => `${unit} failed`));
  }
  if (expected.services) {
    const closed = before.listening.filter((name) => !after.listening.includes(name));
    problems.push(...closed.map((name) => `the service ${name} does not answer on its port`));
  }
  if (!expected.links) return problems;
  for (const link of before.links) {
    if (!isInUse(link, before.now) || !(link.isKeptAlive || expected.hostKeys.has(link.key))) continue;
    const now = after.links.find((one) => one.interface === link.interface && one.key === link.key);
    // An interface that is new since the boot counts from there, whatever the clock of the host says.
    const shook = now !== undefined && (expected.rebooted ? now.handshake > 0 : isInUse(now, after.now));
    if (!shook)
      problems.push(`no handshake on ${link.interface} with ${expected.hostKeys.get(link.key) ?? `peer ${link.key}`}`);
  }
  return problems;
}

function isInUse({ handshake }: LinkHealth, now: number): boolean {
  return handshake > 0 && now - handshake < sessionSeconds;
}
