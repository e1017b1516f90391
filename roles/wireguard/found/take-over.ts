import { type Change, LabError, type Step } from '../../../src/index.ts';
import { configFile, hostScript, keyFile, presharedKeyFile, publicKeyFile } from '../render.ts';
import type { Found, FoundInterface } from './found.ts';

/** The key that the interface runs with, to where the role keeps it: it goes from wg(8) to the file, and nowhere else. */
const takeKey = `set -eu
umask 077
wg show "$1" private-key >"$2.new"
[ "$(wg pubkey <"$2.new")" = "$4" ] || { rm -f "$2.new"; echo "the key of $1 is another one by now" >&2; exit 1; }
mv "$2.new" "$2"
printf '%s\\n' "$4" >"$3.new" && chmod 644 "$3.new" && mv "$3.new" "$3"`;

const takePreshared = `set -eu
umask 077
wg show "$1" preshared-keys | while read -r peer key; do
  [ "$peer" != "$2" ] || printf '%s\\n' "$key" >"$3.new"
done
[ "$(sha256sum <"$3.new" | cut -c1-16)" = "$4" ] || { rm -f "$3.new"; echo "the preshared key is another one by now" >&2; exit 1; }
mv "$3.new" "$3"`;

/**
 * Keeps the key of an interface that somebody made by hand; nothing where the role has it already.
 *
 * @throws LabError PLAN_IMPOSSIBLE when its configuration holds a key and it does not run: it would get another one
 */
export function keptKey(name: string, { configs, interfaces }: Found, hasKey: boolean): readonly Change[] {
  const found = interfaces.get(name);
  if (found === undefined) {
    const config = configs.get(name) ?? '';
    if (hasKey || !/^\s*PrivateKey\s*=/im.test(config)) return [];
    throw new LabError('PLAN_IMPOSSIBLE', `${configFile(name)} was made by hand, and ${name} does not run`, {
      expected: `${name} up, so that its keys can be kept`,
      found: 'a configuration with a private key, and no interface',
      hint: `wg-quick up ${name}; or move the file away, and ${name} gets a new key`,
    });
  }
  refuseMark(name, found);
  if (found.isKept) return [];
  const files = [keyFile(name), publicKeyFile(name)];
  const argv = ['sh', '-c', takeKey, 'lab-wireguard-take-key', name, ...files, found.publicKey];
  return [
    {
      attribute: `key of ${name}`,
      before: `${found.publicKey}, made by hand`,
      after: `${found.publicKey}, kept in ${keyFile(name)}`,
      apply: [{ do: 'run', argv }],
      revert: files.map((path): Step => ({ do: 'restore', path })),
    },
  ];
}

/** Without the mark, wg-quick's rules would send the tunnel's own packets into the tunnel. */
function refuseMark(name: string, { mark }: FoundInterface): void {
  if (mark === null) return;
  throw new LabError('PLAN_IMPOSSIBLE', `${name} was made by hand, and carries this host's way to the internet`, {
    expected: 'AllowedIPs with the prefixes inside, so that a new configuration cuts nothing',
    found: `a firewall mark (${mark}), as wg-quick(8) sets for 0.0.0.0/0 and ::/0`,
    hint: "take 0.0.0.0/0 and ::/0 out of it and restart it; after the takeover params: { firewall: { internet: 'tunnel' } } leads there again",
  });
}

/** Keeps the preshared key that such an interface has with a peer. */
export function keptPresharedKey(
  name: string,
  peer: string,
  { peers }: FoundInterface,
  { peerKey, fingerprint }: { readonly peerKey: string | null; readonly fingerprint: string },
): readonly Change[] {
  if (!peers.some((one) => one.publicKey === peerKey && one.presharedKey === fingerprint)) return [];
  const path = presharedKeyFile(name, peer);
  const argv = ['sh', '-c', takePreshared, 'lab-wireguard-take-key', name, peerKey ?? '', path, fingerprint];
  return [
    {
      attribute: `preshared key with ${peer}`,
      before: 'made by hand',
      after: `the same, kept in ${path}`,
      apply: [{ do: 'run', argv }],
      revert: [{ do: 'restore', path }],
    },
  ];
}

/** What else made the interface is put aside; without it wg-quick(8) starts it at boot. */
export function networkdFiles(name: string, { networkd }: Found): readonly string[] {
  return [...(networkd.get(name)?.keys() ?? [])];
}

/** Starts the interface as its own configuration says, as it was before the role: when all of that is back. */
export function handBack(name: string): Step {
  return { do: 'run', argv: [hostScript, 'handback', name], timeoutSeconds: 120 };
}
