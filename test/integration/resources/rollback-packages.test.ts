import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { aptRepository } from '../../../src/resources/apt-repository.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { packages } from '../../../src/resources/package.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { rolledBack, thereAndBackTwice } from '../../support/revert.ts';
import { runOn } from '../../support/run-on.ts';
import { WholeState } from '../../support/snapshot.ts';

vi.setConfig({ testTimeout: 180_000 });

let host: StartedHost;
let state: WholeState;

beforeAll(async () => {
  host = await startHost();
  await host.sh(readFileSync(new URL('../../support/apt-repository.sh', import.meta.url), 'utf8'));
  await host.sh(`apt-get -q update && apt-get -q -y install lab-app=1.0 lab-provider && apt-mark hold lab-provider
    echo edited >/etc/lab-app.conf
    mkdir /srv/other && cp /srv/repo/lab-rival_1.0_all.deb /srv/other && cd /srv/other && dpkg-deb -R lab-rival_1.0_all.deb x
    sed -i 's/^Package: .*/Package: lab-other/; /^Conflicts/d' x/DEBIAN/control && rm -r x/usr
    dpkg-deb --root-owner-group -b x lab-other_1.0_all.deb >/dev/null && rm -r x lab-rival*.deb
    { dpkg-deb -f lab-other_1.0_all.deb; printf 'Filename: ./lab-other_1.0_all.deb\\nSize: %s\\nSHA256: %s\\n\\n' "$(stat -c %s lab-other_1.0_all.deb)" "$(sha256sum lab-other_1.0_all.deb | cut -d ' ' -f 1)"; } >Packages`);
  state = new WholeState(host);
});
afterAll(() => host?.remove());

const cases: readonly (readonly [string, () => ResourceTree])[] = [
  ['installed, with what it needs', () => packages({ names: ['lab-needs-lib', 'lab-rival'] })],
  ['installed, with a service that its scripts do not stop', () => packages({ name: 'lab-daemon' })],
  ['another version', () => packages({ name: 'lab-app', version: '2.0' })],
  ['removed, its edited configuration left behind', () => packages({ name: 'lab-app', state: 'absent' })],
  ['removed although held', () => packages({ name: 'lab-provider', state: 'absent', allowHeld: true })],
  [
    'from a repository of its own',
    () => [
      aptRepository({ name: 'other', uris: ['file:/srv/other'], suites: ['./'], trusted: true }),
      packages({ name: 'lab-other' }),
    ],
  ],
];

for (const [name, resources] of cases) test(name, () => thereAndBackTwice(host, state, resources));

test('what no repository has any more comes back all the same, with a configuration edited in between', async () => {
  await host.sh('apt-get -q -y purge lab-app');
  const run = await runOn(host, () => packages({ name: 'lab-app', version: '1.0' }));
  expect(run.finished.failure).toBeUndefined();
  await host.sh('echo by hand >/etc/lab-app.conf');
  const after = await state.read();
  const first = await rolledBack(host, { run: run.result.run });
  expect(await host.sh('ls /etc/lab-app.conf 2>&1 || true')).toContain('No such file');
  await host.sh('mv /srv/repo/lab-app_1.0_all.deb /tmp && apt-get -q update');
  await rolledBack(host, { run: first.run });
  await host.sh('mv /tmp/lab-app_1.0_all.deb /srv/repo');
  expect(await host.sh('cat /etc/lab-app.conf')).toBe('by hand\n');
  expect(await state.read()).toEqual(after);
});
