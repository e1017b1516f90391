import { type FoundInterface, parseFound } from '../../../roles/wireguard/found/found.ts';
import type { Facts } from '../../remote/facts/contract.ts';
import { readRoleFile } from '../../shared/own-package.ts';
import { parseConfigFile, type Section } from './config-file.ts';

/** An interface of a host, with the files that make it. */
export interface FoundTunnel {
  readonly host: string;
  readonly name: string;
  /** Undefined for one that has a configuration and does not run. */
  readonly running: FoundInterface | undefined;
  readonly sections: readonly Section[];
  readonly files: readonly string[];
  /** The role wireguard has made it. */
  readonly isOurs: boolean;
}

/** Every interface that runs, or that has a configuration; those of more characters than the role can take are told by it. */
const discover = `set -- $({
  wg show interfaces 2>/dev/null | tr ' ' '\\n'
  for file in /etc/wireguard/*.conf; do [ ! -f "$file" ] || basename "$file" .conf; done
  for file in /etc/systemd/network/*.netdev; do
    [ -f "$file" ] && grep -q '^Kind=wireguard' "$file" && sed -n 's/^Name=//p' "$file"
  done
} | grep -x '[A-Za-z][A-Za-z0-9_-]*' | sort -u)
`;

/** Reads a host, and changes nothing. No private and no preshared key is read. */
export async function lookForTunnels(facts: Pick<Facts, 'run'>, host: string): Promise<readonly FoundTunnel[]> {
  const script = `${discover}${readRoleFile('wireguard/found/look.sh')}`;
  const { stdout } = await facts.run(['sh', '-c', script, 'lab-adopt-wireguard']);
  const { configs, networkd, interfaces } = parseFound(stdout);
  const names = new Set([...interfaces.keys(), ...configs.keys(), ...networkd.keys()]);
  return [...names].sort().map((name) => {
    const config = configs.get(name);
    const files = [
      ...(config === undefined ? [] : [[`/etc/wireguard/${name}.conf`, config] as const]),
      ...(networkd.get(name) ?? []),
    ];
    return {
      host,
      name,
      running: interfaces.get(name),
      sections: files.flatMap(([file, text]) => parseConfigFile(file, text)),
      files: files.map(([file]) => file),
      isOurs: config?.startsWith('# Managed by lab (role wireguard)') === true,
    };
  });
}
