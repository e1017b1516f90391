import { resolve } from 'node:path';
import { canonicalAddress } from '../../model/ip-address.ts';
import { projectRoot } from '../../model/project-root.ts';
import { resolveInventory } from '../../model/resolve-inventory.ts';
import type { Host, Inventory } from '../../model/types.ts';
import type { Playbook } from '../../playbook/contract.ts';
import { Session } from '../../remote/session.ts';
import { asLabError, type ExitCode, exitCodes, LabError } from '../../shared/errors.ts';
import { quote } from '../../shared/quote.ts';
import { formatEndpoint } from '../../transport/endpoint.ts';
import { type Reach, reachHosts } from '../endpoints.ts';
import { inventoryOf } from '../open-hosts.ts';
import { runLoaded } from '../run-playbook.ts';
import { cloudConfig } from './cloud-init.ts';
import type { Draft } from './draft.ts';
import { adminsOf, hostDraft, type Wanted, withPlainHost } from './entry.ts';
import { firstContact } from './first-contact.ts';
import { waitUntilReady } from './fresh-host.ts';
import type { BootstrapOptions } from './options.ts';
import { newWayIn, sound } from './plays.ts';
import {
  type Admin,
  adminName,
  atHome,
  checkNames,
  parseTarget,
  pathForInventory,
  publicKeys,
  type Target,
} from './request.ts';

/**
 * Makes a fresh machine a host of the inventory; the help of the command says how. Every part looks first whether it was done, so that it
 * can be interrupted anywhere and said again.
 *
 * @throws LabError USAGE before the machine is contacted; as `connect` and `run` after that
 */
export async function bootstrap(machine: string | undefined, options: BootstrapOptions): Promise<ExitCode> {
  const { inventory, file: found } = await inventoryOf(options.inventory);
  const file = resolve(found);
  checkNames(options.name, options.group, inventory);
  if (options.cloudInit) return printCloudConfig(machine, { file, inventory }, options);
  if (machine === undefined) {
    throw new LabError('USAGE', 'which machine?', {
      expected: '[USER@]ADDRESS[:PORT], such as root@203.0.113.10',
      hint: 'lab bootstrap --help',
    });
  }
  const target = parseTarget(machine);
  const known = knownHost(inventory, options.name, target);
  if (known) refuseLoginOfRoot(hostIn(inventory, options.name), file);
  const wanted = wantedOf(target, options, file);
  // Whether the host can be written into the inventory is found out before it is touched.
  const plain = known ? inventory : await withPlainHost(file, inventory, wanted);
  const admin = await adminOf(target, plain, known, options);
  const draft = known ? { inventory, save: async () => {} } : await hostDraft(file, plain, wanted, admin);
  return new Bootstrap(file, draft, known, { target, admin, options }).run();
}

interface Asked {
  readonly target: Target;
  readonly admin: Admin;
  readonly options: BootstrapOptions;
}

class Bootstrap {
  readonly #file: string;
  readonly #draft: Draft;
  /** It is in the inventory already: an earlier bootstrap got that far, or somebody wrote it. */
  readonly #known: boolean;
  readonly #asked: Asked;

  constructor(file: string, draft: Draft, known: boolean, asked: Asked) {
    this.#file = file;
    this.#draft = draft;
    this.#known = known;
    this.#asked = asked;
  }

  async run(): Promise<ExitCode> {
    const { admin, options } = this.#asked;
    if (!(this.#known && (await this.#letsIn()))) {
      const code = await this.#makeWayIn();
      if (code !== exitCodes.asDeclared) return code;
      await this.#prove();
    }
    say(`${admin.name} logs in with a key and becomes root`);
    if (!this.#known) {
      await this.#draft.save();
      say(`${options.name} is in the inventory: ${this.#file}`);
    }
    const code = await this.#play(sound(this.#draft.inventory, options.name, options));
    if (code === exitCodes.asDeclared) this.#farewell();
    return code;
  }

  /** With the login of today, which can be the admin's own when cloud-init or somebody else made it. */
  async #makeWayIn(): Promise<ExitCode> {
    const { target, admin, options } = this.#asked;
    say(`first contact with ${formatEndpoint(target)}`);
    const reach = await this.#reach(this.#today());
    const host = await firstContact(hostIn(this.#today(), options.name), reach, { ...options, say });
    await waitUntilReady(host, reach, say);
    const inventory = withHost(this.#today(), host);
    return this.#play(newWayIn(inventory, admin));
  }

  /** The machine as it is, for the time before the inventory tells the truth about it. */
  #today(): Inventory {
    const { target, options } = this.#asked;
    const { address, user, port } = target;
    const identity = options.identity === undefined ? {} : { identityFile: atHome(options.identity) };
    const hosts = { [options.name]: { address, ssh: { user, port, ...identity } } };
    return resolveInventory({ hosts }, { at: { file: this.#file }, locate: () => undefined });
  }

  #reach(inventory: Inventory): Promise<Reach> {
    const { acceptNewHostKey, fingerprint } = this.#asked.options;
    return reachHosts(inventory, this.#file, { accept: acceptNewHostKey === true, expect: fingerprint });
  }

  /** A fresh login at the endpoint that the inventory is going to declare, and root there. */
  async #prove(): Promise<void> {
    const host = hostIn(this.#draft.inventory, this.#asked.options.name);
    // Opened now: it knows the host key that was agreed to a moment ago, and nobody is asked twice.
    const reach = await this.#reach(this.#draft.inventory);
    const { connection, settings } = await reach(host, 'declared');
    await using open = connection;
    await using session = await Session.open(open, settings);
    const frames = await session.request('lab_b id; id -u; lab_e id 0');
    if (frames.get('id')?.body.toString().trim() === '0') return;
    throw new LabError('BECOME_REFUSED', `${this.#asked.admin.name} does not become root on ${host.name}`, {
      host: host.name,
      hint: 'nothing of before was closed: the login of today still works',
    });
  }

  async #letsIn(): Promise<boolean> {
    try {
      await this.#prove();
      return true;
    } catch (thrown) {
      const error = asLabError(thrown);
      if (['AUTH_FAILED', 'UNREACHABLE', 'BECOME_REFUSED'].includes(error.code)) return false;
      throw error;
    }
  }

  async #play(playbook: Playbook): Promise<ExitCode> {
    const { exitCode } = await runLoaded(playbook, this.#file, {
      limit: [this.#asked.options.name],
      tags: [],
      skipTags: [],
      forks: 1,
      output: 'pretty',
      typeCheck: false,
      mode: 'run',
      guardSeconds: this.#asked.options.guardTimeout,
    });
    return exitCode;
  }

  #farewell(): void {
    const { name } = this.#asked.options;
    say(`${name} is ready. Next, what your playbook declares for it:`);
    say(`  npx lab run site.ts --limit ${quote(name)} --check --diff`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function hostIn(inventory: Inventory, name: string): Host {
  return inventory.hosts.get(name) as Host;
}

function withHost(inventory: Inventory, host: Host): Inventory {
  return { ...inventory, hosts: new Map([...inventory.hosts, [host.name, host]]) };
}

function wantedOf(target: Target, options: BootstrapOptions, file: string): Wanted {
  const { name, group, join, sshFrom, identity, firewall } = options;
  const identityFile = identity === undefined ? undefined : pathForInventory(identity, projectRoot(file));
  return { name, groups: group, join, sshFrom, firewall, target, identityFile };
}

/** The admin that the inventory has for this host, or one that is new. */
async function adminOf(
  target: Target,
  inventory: Inventory,
  known: boolean,
  options: BootstrapOptions,
): Promise<Admin> {
  const declared = adminsOf(inventory, options.name);
  const user = known ? inventory.hosts.get(options.name)?.connection.user : undefined;
  const names = [...(user === undefined ? [] : [user]), ...declared.map(({ name }) => name)];
  const name = adminName(options.admin, target.user, names);
  const keys = declared.find((one) => one.name === name)?.keys ?? [];
  return { name, keys: keys.length > 0 ? keys : await publicKeys(options.key, target, options.identity) };
}

/**
 * Whether the inventory has this machine under this name already.
 *
 * @throws LabError USAGE when the name is that of another one
 */
function knownHost(inventory: Inventory, name: string, { address }: Target): boolean {
  const host = inventory.hosts.get(name);
  const taken = host?.connection.address ?? (inventory.devices.has(name) ? 'a device' : undefined);
  if (taken === undefined) return false;
  if (canonicalAddress(taken) === canonicalAddress(address)) return true;
  throw new LabError('USAGE', `the inventory has "${name}" already`, {
    expected: `a host at ${address}, or another name`,
    found: taken,
  });
}

/**
 * What bootstrap makes of a host cannot be logged in to as root: an entry that says so would be false afterwards.
 *
 * @throws LabError USAGE
 */
function refuseLoginOfRoot({ name, connection }: Host, file: string): void {
  if (connection.user !== 'root') return;
  throw new LabError('USAGE', `the inventory has ${name} already and logs in there as root, whom bootstrap shuts out`, {
    at: { file },
    path: ['hosts', name, 'ssh', 'user'],
    expected: 'a host that is not in the inventory yet, or one with a login of its admin',
    found: 'root',
    hint: `take ${name} out of hosts and say the same again: bootstrap writes it there; --join TUNNEL gives it its place in a tunnel`,
  });
}

async function printCloudConfig(
  machine: string | undefined,
  { file, inventory }: { readonly file: string; readonly inventory: Inventory },
  options: BootstrapOptions,
): Promise<ExitCode> {
  // Its address is not known before it exists: one for documentation (RFC 5737) stands in.
  const target = parseTarget(machine ?? 'root@192.0.2.1');
  const known = inventory.hosts.has(options.name);
  const plain = known ? inventory : await withPlainHost(file, inventory, wantedOf(target, options, file));
  process.stdout.write(cloudConfig(await adminOf(target, plain, known, options), options));
  return exitCodes.asDeclared;
}
