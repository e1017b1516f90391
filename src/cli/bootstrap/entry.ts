import { insideOf, policyOf } from '../../../roles/firewall/policy.ts';
import { openingsOf, throughPort } from '../../../roles/firewall/reach.ts';
import type { Addition, Plain } from '../../model/edit/addition.ts';
import {
  contains,
  formatPrefix,
  networkOf as networkOfPrefix,
  parseAddress,
  parsePrefix,
} from '../../model/ip-address.ts';
import type { Inventory, Network } from '../../model/types.ts';
import { LabError } from '../../shared/errors.ts';
import { suggestion } from '../../shared/suggest.ts';
import { type Draft, draftOf } from './draft.ts';
import type { Admin, Target } from './request.ts';

export interface Wanted {
  readonly name: string;
  readonly groups: readonly string[];
  /** Tunnels to get an address on. */
  readonly join: readonly string[];
  /** Who may log in over SSH where no flow says it yet; default whoever can reach the address. */
  readonly sshFrom: readonly string[];
  /** Whether it gets the firewall, which lets in nobody whom no flow names. */
  readonly firewall: boolean;
  readonly target: Target;
  readonly identityFile: string | undefined;
}

/**
 * The inventory as it would be with the new host and nothing else: what it then says of the host by its groups and for all.
 *
 * @throws LabError as `draftOf`; USAGE when there is no such tunnel
 */
export async function withPlainHost(file: string, inventory: Inventory, wanted: Wanted): Promise<Inventory> {
  return (await draftOf(file, [hostAddition(inventory, wanted, wanted.target.user, [])])).inventory;
}

/**
 * The inventory with the new host: its address, its login as the admin, and what the inventory does not say for it yet: the admin in the
 * parameters of the role base, and a flow for SSH, without which the firewall would let nobody in.
 *
 * @param plain as `withPlainHost` gives it
 * @throws LabError as `draftOf`; USAGE when the inventory declares other admins, or has no network that the machine is on
 */
export async function hostDraft(file: string, plain: Inventory, wanted: Wanted, admin: Admin): Promise<Draft> {
  const declared = adminsOf(plain, wanted.name);
  const known = declared.some(({ name, keys }) => name === admin.name && keys.length > 0);
  if (declared.length > 0 && !known) throw otherAdmins(file, admin.name, declared);
  const host = hostAddition(plain, wanted, admin.name, known ? [] : admin.keys);
  return draftOf(file, [host, ...sshFlow(plain, wanted)]);
}

/** Whom the inventory declares as admins of a host. */
export function adminsOf(
  inventory: Inventory,
  host: string,
): { readonly name: string; readonly keys: readonly string[] }[] {
  const admins = inventory.hosts.get(host)?.params.get('base')?.admins;
  return Array.isArray(admins)
    ? admins.map(({ name, keys = [] }: { name: string; keys?: readonly string[] }) => ({ name, keys }))
    : [];
}

function hostAddition(inventory: Inventory, wanted: Wanted, user: string, keys: readonly string[]): Addition {
  const { name, groups, join, target, identityFile } = wanted;
  const network = networkOf(target.address, inventory);
  for (const tunnel of join) checkTunnel(tunnel, inventory);
  const addresses = {
    ...(network !== undefined && { [network.name]: target.address }),
    ...Object.fromEntries(join.map((tunnel) => [tunnel, 'auto'])),
  };
  const value: Record<string, Plain> = {
    ...(groups.length > 0 && { groups }),
    ...(network === undefined && { address: target.address }),
    ...(Object.keys(addresses).length > 0 && { addresses }),
    ssh: {
      user,
      ...(target.port !== 22 && { port: target.port }),
      ...(identityFile !== undefined && { identityFile }),
    },
    ...(keys.length > 0 && { params: { base: { admins: [{ name: user, keys }] } } }),
  };
  return { section: 'hosts', name, value };
}

/** The network without tunnel that holds an address, if it is one. */
function networkOf(address: string, { networks }: Inventory): Network | undefined {
  const parsed = parseAddress(address);
  if (parsed === undefined) return undefined;
  return [...networks.values()].find(
    ({ tunnel, prefixes }) =>
      !tunnel &&
      prefixes.some((text) => {
        const prefix = parsePrefix(text);
        return prefix !== undefined && contains(prefix, parsed);
      }),
  );
}

/** @throws LabError USAGE */
function checkTunnel(name: string, { networks }: Inventory): void {
  if (networks.get(name)?.tunnel === true) return;
  const tunnels = [...networks.values()].filter(({ tunnel }) => tunnel).map((network) => network.name);
  throw new LabError('USAGE', 'this is no tunnel of the inventory', {
    found: name,
    expected: 'a network with "tunnel: true"',
    hint: suggestion(name, tunnels),
  });
}

/** A flow for SSH, when none lets in who is on the side of this address: the internet, or the network that it is on. */
function sshFlow(inventory: Inventory, { name, target, sshFrom, firewall }: Wanted): Addition[] {
  const network = networkOf(target.address, inventory);
  if (network === undefined && sshFrom.length === 0 && isInside(target.address, inventory)) {
    if (firewall) throw noNetwork(target.address);
    return [];
  }
  const there = network === undefined || network.public ? 'internet' : network.name;
  const openings = throughPort(openingsOf(policyOf(inventory), inventory), target.port, 'tcp');
  const open = openings.some(({ from, to }) => to.name === name && from.name === there);
  if (sshFrom.length === 0 && open) return [];
  const from = sshFrom.length > 0 ? sshFrom : [there];
  const value = { from: from.length === 1 ? (from[0] as string) : from, to: name, ports: target.port };
  return [{ section: 'flows', value: { ...value, reason: 'administration, by key' } }];
}

/** Nobody on the internet has such an address, so a flow from there would not let in whoever is next to it. */
function isInside(address: string, inventory: Inventory): boolean {
  return parseAddress(address) !== undefined && insideOf(inventory).has(address);
}

function noNetwork(address: string): LabError {
  const around = parsePrefix(`${address}/${address.includes(':') ? 64 : 24}`);
  const example = around === undefined ? address : formatPrefix(networkOfPrefix(around));
  return new LabError('USAGE', `the inventory has no network with ${address}, which is none of the internet`, {
    path: ['networks'],
    expected: 'a network that it is on: whoever is there may log in',
    found: 'none',
    hint: `networks: { home: { prefixes: '${example}' } }; or --ssh-from NAMES says who may, or --no-firewall; nothing was changed`,
  });
}

function otherAdmins(file: string, name: string, declared: readonly { readonly name: string }[]): LabError {
  const names = declared.map((one) => one.name);
  return new LabError(
    'USAGE',
    `the inventory declares who administers this host, and ${name} is not among them with a key`,
    {
      at: { file },
      path: ['params', 'base', 'admins'],
      expected: names.join(' or '),
      found: name,
      hint: `--admin ${names[0]}, or add ${name} with a key there first`,
    },
  );
}
