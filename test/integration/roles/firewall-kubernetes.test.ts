import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { manifestsOf } from '../../../roles/firewall/kubernetes/manifests.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';

// Where a cluster is there: its server is asked, and changes nothing.
it.runIf(process.env.KUBECONFIG !== undefined)('the server of a cluster takes the manifests', () => {
  const inventory = resolveInventory(
    {
      networks: { home: { prefixes: '10.77.1.0/24' } },
      hosts: { nas: { addresses: { home: '10.77.1.10' } } },
      flows: [
        { from: 'internet', to: { namespace: 'lab-test' }, ports: ['8000-8010', 443], reason: 'it\'s "in"' },
        { from: { namespace: 'lab-test' }, to: 'nas', ports: 'any', reason: 'out' },
      ],
    },
    { at: undefined },
  );
  const input = manifestsOf(inventory, { enforce: 'baseline', warn: 'restricted', version: 'v1.31' })
    // A namespace that is not there yet would refuse what is to be in it.
    .map((manifest) =>
      stringify({
        ...manifest,
        metadata: { ...manifest.metadata, ...(manifest.metadata.namespace && { namespace: 'default' }) },
      }),
    )
    .join('---\n');
  const { status, stderr } = spawnSync('kubectl', ['apply', '--server-side', '--dry-run=server', '-f', '-'], {
    input,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
});
