import { afterAll, beforeAll, expect, test } from 'vitest';
import { archive } from '../../../src/resources/archive.ts';
import { download } from '../../../src/resources/download.ts';
import { hostname } from '../../../src/resources/hostname.ts';
import { mount } from '../../../src/resources/mount.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { revertLastRun } from '../../support/revert.ts';
import { runOn } from '../../support/run-on.ts';

/** A host with nothing but busybox: its own sh, tar, wget, mount. */
let host: StartedHost;
beforeAll(async () => {
  host = await startHost({ variant: 'busybox' });
  await host.sh(`mkdir -p /run/www/tree /opt /srv && cd /run/www && echo program >tree/program
    tar -czf tree.tar.gz tree && httpd -p 127.0.0.1:8080 -h /run/www`);
});
afterAll(() => host?.remove());

test('download, archive, mount and hostname need nothing more', async () => {
  const sha256 = (await host.sh('sha256sum </run/www/tree.tar.gz')).slice(0, 64);
  const url = 'http://127.0.0.1:8080/tree.tar.gz';
  const before = await host.sh('hostname; ls -A /opt /srv; cat /etc/hosts');
  const resources = () => [
    download({ path: '/opt/tree.tar.gz', url, sha256 }),
    archive({ path: '/opt/tree', url, sha256, strip: 1 }),
    mount({ path: '/srv/ram', source: 'lab', type: 'tmpfs', options: ['size=64k'] }),
    hostname({ name: 'tiny' }),
  ];
  const first = await runOn(host, resources);
  expect(first.finished.failure).toBeUndefined();
  expect(
    await host.sh('cat /opt/tree/program; hostname; cat /etc/hostname; grep -c "/srv/ram tmpfs" /proc/mounts'),
  ).toBe('program\ntiny\ntiny\n1\n');
  const again = await runOn(host, resources);
  expect(again.finished).toMatchObject({ status: 'ok', roundTrips: 1 });
  await revertLastRun(host);
  expect(await host.sh('hostname; ls -A /opt /srv; cat /etc/hosts')).toBe(before);
});
