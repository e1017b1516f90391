import { file, packages, secretText } from '../../../src/index.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';
import type { Cloudflare } from './params.ts';
import type { Provider } from './provider.ts';
import { secretsFolder } from './rfc2136.ts';

/** Version 4 of Cloudflare's API. A change of up to 200 records is one call, which is taken as a whole or not at all. */
export function cloudflare(zone: string, { token, api, ca }: Cloudflare): Provider {
  const secretFile = `${secretsFolder}/${zone}.curl`;
  const caFile = `${secretsFolder}/${zone}.ca.pem`;
  return {
    program: readRoleFile('dns/public/cloudflare.sh'),
    settings: [api, ca === undefined ? '-' : caFile],
    primary: [],
    secretFile,
    needs: [
      packages({ names: ['ca-certificates', 'curl', 'jq', 'bind9-dnsutils'], recommends: false }),
      ca !== undefined && file({ path: caFile, content: ca, mode: '0644' }),
      // For `curl -K`: what stands in a file is in no argument of a process.
      file({ path: secretFile, content: secretText`header = "Authorization: Bearer ${token}"\n`, mode: '0600' }),
    ],
  };
}
