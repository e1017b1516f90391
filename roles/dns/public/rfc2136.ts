import { file, packages, secretText } from '../../../src/index.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';
import type { Rfc2136 } from './params.ts';
import type { Provider } from './provider.ts';

/** Where secrets of zones are on a host. */
export const secretsFolder = '/etc/lab/dns';

export const toolPackages = packages({ names: ['bind9-dnsutils'], recommends: false });

/** RFC 2136 with a key that the server knows. */
export function rfc2136(zone: string, { server, port, key }: Rfc2136): Provider {
  const secretFile = `${secretsFolder}/${zone}.key`;
  const { name, algorithm, secret } = key;
  return {
    primary: [server, String(port)],
    program: readRoleFile('dns/public/rfc2136.sh'),
    settings: [server, String(port)],
    secretFile,
    needs: [
      toolPackages,
      // As named.conf(5) has it: dig and nsupdate read it by its name.
      file({
        path: secretFile,
        content: secretText`key "${name}" {\n\talgorithm ${algorithm};\n\tsecret "${secret}";\n};\n`,
        mode: '0600',
      }),
    ],
  };
}
