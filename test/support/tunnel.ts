import { setMaxListeners } from 'node:events';
import pLimit from 'p-limit';
import wireguard from '../../roles/wireguard/role.ts';
import type { InventoryInput } from '../../src/index.ts';
import { resolveInventory } from '../../src/model/resolve-inventory.ts';
import type { Host, Inventory } from '../../src/model/types.ts';
import type { Play, Playbook, RoleUse } from '../../src/playbook/contract.ts';
import type { Procedure } from '../../src/playbook/procedure.ts';
import type { RunEvent } from '../../src/runner/events.ts';
import type { ExportMemory } from '../../src/runner/exports.ts';
import { type ProcedureEvent, type ProcedureOptions, runProcedure } from '../../src/runner/procedure.ts';
import { type RunOptions, run } from '../../src/runner/run.ts';
import { tryCommand } from '../../src/sandbox/docker.ts';
import type { ConnectionSettings, HostKey } from '../../src/transport/contract.ts';
import { connect } from '../../src/transport/index.ts';
import { type StartedHost, type StartHostOptions, startHost } from './host.ts';
import { HostNetwork } from './host-network.ts';

/** Hosts with a tunnel between them: the first is the gateway, which the others dial. */
export class TunnelHosts<Name extends string> {
  readonly hosts: Record<Name, StartedHost>;
  /** In the place of the lock file. */
  readonly known = new Map<string, Readonly<Record<string, string>>>();
  readonly names: readonly Name[];
  /** Log in to all but the gateway through the tunnel itself, with the gateway as a jump host. */
  isManagedInside = false;
  /** More of the inventory. */
  more: Partial<InventoryInput> = {};
  readonly #network: HostNetwork | undefined;

  private constructor(names: readonly Name[], hosts: Record<Name, StartedHost>, network?: HostNetwork) {
    this.names = names;
    this.hosts = hosts;
    this.#network = network;
  }

  static async start<Name extends string>(
    names: readonly Name[],
    optionsOf: (name: Name) => StartHostOptions = () => ({}),
  ): Promise<TunnelHosts<Name>> {
    // The engine's own network gives the address of a host that boots to whoever starts meanwhile.
    const network = await HostNetwork.create();
    const packages = ['wireguard-tools', 'wireguard-go', 'iputils-ping'];
    const limit = pLimit(4);
    const startOne = (name: Name, at: number) =>
      limit(() => startHost({ packages, network: network.place(2 + at), ...optionsOf(name) }));
    const started = await Promise.all(names.map(startOne));
    const hosts = Object.fromEntries(names.map((name, at) => [name, started[at]])) as Record<Name, StartedHost>;
    return new TunnelHosts(names, hosts, network);
  }

  /** Hosts that run already, in order. */
  static over<Name extends string>(hosts: Record<Name, StartedHost>): TunnelHosts<Name> {
    return new TunnelHosts(Object.keys(hosts) as Name[], hosts);
  }

  async remove(): Promise<void> {
    for (const host of Object.values<StartedHost>(this.hosts)) await host.remove();
    await this.#network?.[Symbol.asyncDispose]();
  }

  /** A place for one more host on the network of these, which is removed before them. @param number from 200 to 254 */
  beside(number: number): { readonly name: string; readonly address: string } {
    if (this.#network === undefined) throw new Error('who started these hosts has their network');
    return this.#network.place(number);
  }

  /** Takes the power from a host. */
  async down(name: Name): Promise<void> {
    const { exitCode, stderr } = await tryCommand(['docker', 'kill', this.hosts[name].container]);
    if (exitCode !== 0) throw new Error(stderr);
  }

  /** Boots it, also one that is down. */
  async up(name: Name): Promise<void> {
    this.hosts[name] = await this.hosts[name].reboot();
  }

  inside(name: Name, family: 4 | 6 = 4): string {
    const number = this.names.indexOf(name) + 1;
    return family === 4 ? `10.80.0.${number}` : `fd80::${number}`;
  }

  #input(): InventoryInput {
    const entry = (name: Name, at: number) => {
      const vpn = [this.inside(name), this.inside(name, 6)];
      const { address } = this.hosts[name];
      return [name, at === 0 ? { addresses: { outside: address, vpn } } : { address, addresses: { vpn } }] as const;
    };
    const input = {
      networks: {
        outside: { prefixes: '172.16.0.0/12', public: true },
        vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
      },
      hosts: Object.fromEntries(this.names.map(entry)),
      ...this.more,
    };
    return input as InventoryInput;
  }

  inventory(): Inventory {
    return resolveInventory(this.#input(), { at: undefined });
  }

  /** The same as a file of a repository, with further hosts. */
  inventoryModule(more: Readonly<Record<string, StartedHost>> = {}): string {
    const [first] = Object.values<StartedHost>(this.hosts);
    const others = Object.entries(more).map(([name, { address }]) => [name, { address }] as const);
    const input = this.#input();
    const whole = {
      ...input,
      ssh: { user: 'root', identityFile: first?.identityFile },
      hosts: { ...input.hosts, ...Object.fromEntries(others) },
    };
    return `import { defineInventory } from 'labwright';\nexport default defineInventory(${JSON.stringify(whole, null, 2)});\n`;
  }

  get exportMemory(): ExportMemory {
    return {
      recall: (host) => this.known.get(host),
      remember: (host, _, exports) => void this.known.set(host, exports),
    };
  }

  readonly connect: RunOptions['connect'] = async ({ name, connection: settings }) => {
    // A jump host is asked for as well.
    const hostKeys = settings.proxyJump === undefined ? this.hosts[name as Name].hostKeys : this.#allHostKeys();
    const policy = { pinned: () => hostKeys, firstContact: async () => false };
    return { connection: await connect(name, settings, { hostKeys: policy }), settings };
  };

  /** Hosts of the inventory, with how to log in. */
  managed(inventory: Inventory = this.inventory()): Host[] {
    return [...inventory.hosts.values()].map((host) => ({
      ...host,
      connection: this.#connectionTo(host.name as Name),
    }));
  }

  #connectionTo(name: Name): ConnectionSettings {
    const { connection } = this.hosts[name];
    const [gateway] = this.names as readonly [Name, ...Name[]];
    if (!this.isManagedInside || name === gateway) return connection;
    return { ...connection, address: this.inside(name), proxyJump: [`root@${this.hosts[gateway].address}`] };
  }

  #allHostKeys(): readonly HostKey[] {
    return Object.values<StartedHost>(this.hosts).flatMap(({ hostKeys }) => hostKeys);
  }

  /** Runs the role, as a playbook would. */
  async apply(options: Partial<RunOptions> & { readonly only?: readonly Name[]; readonly use?: RoleUse } = {}) {
    const inventory = this.inventory();
    const play: Play = { name: 'tunnel', hosts: ['all'], roles: [options.use ?? wireguard()], tags: [], at: undefined };
    const playbook: Playbook = { kind: 'playbook', name: 'tunnel', inventory, plays: [play], at: undefined };
    const events: RunEvent[] = [];
    const result = await run({
      mode: 'run',
      playbook,
      hosts: this.managed(inventory).filter(({ name }) => options.only?.includes(name as Name) ?? true),
      playsOf: () => [play],
      exportMemory: this.exportMemory,
      connect: this.connect,
      onEvent: (event) => events.push(event),
      stop: never(),
      ...options,
    });
    return { result, events, finished: events.filter((event) => event.event === 'host-finished') };
  }

  /** Runs a procedure, as `lab run` would. */
  async proceed(
    make: (inventory: Inventory) => Procedure,
    options: Partial<ProcedureOptions> & { readonly limit?: readonly Name[] } = {},
  ) {
    const procedure = make(this.inventory());
    const told: ProcedureEvent[] = [];
    const events: RunEvent[] = [];
    const exitCode = await runProcedure({
      procedure,
      given: {},
      hosts: this.managed(procedure.inventory),
      selected: new Set(options.limit ?? this.names),
      check: false,
      connect: this.connect,
      exportMemory: this.exportMemory,
      remember: async () => {},
      stop: never(),
      onEvent: (event) => events.push(event),
      onProcedure: (event) => told.push(event),
      ...options,
    });
    return { exitCode, told, events, text: told.map(describe).join('\n') };
  }

  /**
   * Asked for up to 45 seconds: who dialled before the other knew its key tries again after five seconds (REKEY_TIMEOUT), and who
   * has a session with a host that has booted since notices after fifteen (KEEPALIVE_TIMEOUT and REKEY_TIMEOUT, WireGuard
   * whitepaper, 6.1).
   */
  reaches(from: Name, to: Name, family: 4 | 6 = 4): Promise<string> {
    const address = this.inside(to, family);
    return this.hosts[from].sh(
      `end=$(($(date +%s) + 45)); until ping -c 1 -W 1 ${address} >/dev/null; do [ "$(date +%s)" -lt "$end" ] || { echo "${from} does not reach ${address}"; ip route; wg show all endpoints; wg show all latest-handshakes; exit 1; } >&2; done`,
    );
  }

  /** Who dials comes first: a gateway that has booted cannot reach anybody before. */
  async reachesAll(): Promise<void> {
    const [gateway, ...spokes] = this.names as readonly [Name, ...Name[]];
    const others = spokes.flatMap((from) => spokes.filter((to) => to !== from).map((to) => [from, to] as const));
    const pairs = [
      ...spokes.map((from) => [from, gateway] as const),
      ...spokes.map((to) => [gateway, to] as const),
      ...others,
    ];
    for (const [from, to] of pairs) for (const family of [4, 6] as const) await this.reaches(from, to, family);
  }
}

/** A signal to which any number of hosts may listen, as `lab run` has it. */
function never(): AbortSignal {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return signal;
}

/** One line for each thing that a procedure tells. */
export function describe(event: ProcedureEvent): string {
  switch (event.event) {
    case 'prepared':
      return `prepared: ${event.findings.join('; ')}`;
    case 'step-failed':
      return `failed ${event.name}: ${event.error.message} ${JSON.stringify(event.error.details)}`;
    case 'step-finished':
      return `finished ${event.name}: ${event.text}`;
    case 'undone':
      return `undone ${event.name}: ${event.text}`;
    case 'finished':
      return `exit ${event.exitCode}: ${event.text} ${event.pending.join('; ')}`;
    default:
      return `${event.event}: ${'text' in event ? event.text : event.name}`;
  }
}
