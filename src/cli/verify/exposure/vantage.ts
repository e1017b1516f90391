import { connect } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import pLimit from 'p-limit';
import { AddressSet } from '../../../../roles/firewall/address-set.ts';
import { canonicalAddress } from '../../../model/ip-address.ts';
import type { Inventory } from '../../../model/types.ts';

/** A TCP port of an address. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** From where the homelab is looked at. */
export interface Vantage {
  /** A host of the inventory, or this machine. */
  readonly name: string;
  /** Its own addresses: what a flow allows to them is no surprise. */
  readonly addresses: readonly string[];
  /** Those of the targets that take a connection. */
  scan(targets: readonly Target[]): Promise<readonly Target[]>;
  /** Connects, does one thing with the connection, and ends it; undefined where there is none. */
  visit<Value>(target: Target, work: (stream: Duplex) => Promise<Value>): Promise<Value | undefined>;
}

/** Whether anything can be tried over the family of an address: without an address of its own there is no way. */
export function canTry(vantage: Vantage, address: string): boolean {
  const isSix = address.includes(':');
  return vantage.addresses.some((own) => own.includes(':') === isSix && !own.startsWith('fe80:'));
}

const connectMilliseconds = 3000;

/** This machine. */
export function here(): Vantage {
  const limit = pLimit(64);
  return {
    name: hostname(),
    addresses: ownAddresses(),
    async scan(targets) {
      const found = await Promise.all(
        targets.map((target) =>
          limit(async () => {
            const socket = await connected(target);
            socket?.destroy();
            return socket === undefined ? [] : [target];
          }),
        ),
      );
      return found.flat();
    },
    visit: (target, work) =>
      limit(async () => {
        const socket = await connected(target);
        if (socket === undefined) return undefined;
        try {
          return await work(socket);
        } finally {
          socket.destroy();
        }
      }),
  };
}

/** Whether this machine is in a network of the inventory that is not public: then it is no stranger to the home. */
export function isHereInside({ networks }: Inventory): boolean {
  const inside = AddressSet.of([...networks.values()].flatMap((network) => (network.public ? [] : network.prefixes)));
  return ownAddresses().some((address) => inside.has(address));
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).flatMap(({ address, internal }) => (internal ? [] : [canonicalAddress(address.replace(/%.*/, ''))])),
  );
}

function connected({ address, port }: Target): Promise<Duplex | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: connectMilliseconds });
    const fail = () => {
      socket.destroy();
      resolve(undefined);
    };
    socket.once('timeout', fail).once('error', fail);
    socket.once('connect', () => {
      socket.off('timeout', fail).setTimeout(0);
      // Whoever reads it sees its end.
      socket.off('error', fail).on('error', () => {});
      resolve(socket);
    });
  });
}
