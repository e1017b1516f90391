import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, test, vi } from 'vitest';
import { absent } from '../../../src/resources/absent.ts';
import { archive } from '../../../src/resources/archive.ts';
import { block } from '../../../src/resources/block.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { cron } from '../../../src/resources/cron.ts';
import { directory } from '../../../src/resources/directory.ts';
import { download } from '../../../src/resources/download.ts';
import { file } from '../../../src/resources/file.ts';
import { gitCheckout } from '../../../src/resources/git-checkout.ts';
import { line } from '../../../src/resources/line.ts';
import { mount } from '../../../src/resources/mount.ts';
import { symlink } from '../../../src/resources/symlink.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { thereAndBackTwice } from '../../support/revert.ts';
import { WholeState } from '../../support/snapshot.ts';

vi.setConfig({ testTimeout: 120_000 });

let host: StartedHost;
let state: WholeState;
const sums: Record<string, string> = {};
let localArchive: string;

beforeAll(async () => {
  host = await startHost({ packages: ['git', 'curl', 'busybox', 'acl', 'attr'] });
  const output = await host.sh(`mkdir -p /run/www/tree/bin && cd /run/www
    echo program >tree/bin/program && chmod 755 tree/bin/program && ln -s bin/program tree/link
    tar -czf one.tar.gz tree && echo second >tree/second && tar -czf two.tar.gz tree
    busybox httpd -p 127.0.0.1:8080 -h /run/www
    git init --quiet --bare /run/origin && git clone --quiet /run/origin /run/work 2>/dev/null && cd /run/work
    git config user.email x@example.org && git config user.name x && git checkout --quiet -b main
    echo 1 >f && git add f && git commit --quiet -m 1 && git tag -a v1 -m v1 && echo 2 >f && git commit --quiet -a -m 2
    git push --quiet origin main v1 && chmod -R a+rX /run/origin
    git clone --quiet --branch v1 /run/origin /srv/clone 2>/dev/null
    git clone --quiet /run/origin /srv/dirty && echo mine >/srv/dirty/f && echo untracked >/srv/dirty/new
    cd /srv && printf 'one\\ntwo' >text && chmod 640 text && chown daemon:www-data text
    setfacl -m u:games:r text && setfattr -n user.note -v kept text
    mkdir -m 2770 tree && chown daemon:games tree && echo inside >tree/file && ln -s file tree/link
    ln -s text link && ln -s nowhere dangling && echo old >old && mkfifo pipe
    mkdir big && head -c 70000000 /dev/zero >big/file && head -c 9000000 /dev/zero >large && chmod 640 large
    echo '# nothing' >/etc/cron.d/other && echo '1 1 * * * root true' >/etc/cron.d/job
    cd /run/www && sha256sum one.tar.gz two.tar.gz tree/second`);
  localArchive = join(mkdtempSync(join(tmpdir(), 'labwright-test-')), 'local.tar.gz');
  const { stdout } = await host.exec(['base64', '/run/www/two.tar.gz']);
  writeFileSync(localArchive, Buffer.from(stdout, 'base64'));
  for (const row of output.trim().split('\n')) sums[row.slice(66)] = row.slice(0, 64);
  // The index, and what Git writes down of every checkout, are no part of what was checked out.
  state = new WholeState(host, [
    ...['clone', 'dirty'].flatMap((name) =>
      ['index', 'logs', 'ORIG_HEAD', 'FETCH_HEAD'].map((file) => `/srv/${name}/.git/${file}`),
    ),
  ]);
});
afterAll(async () => {
  rmSync(dirname(localArchive), { recursive: true, force: true });
  await host?.remove();
});

const url = (path: string) => `http://127.0.0.1:8080/${path}`;
const packed = (name: string) => ({ url: url(name), sha256: sums[name] ?? '', strip: 1 });

/** Several at once, as each look at the whole host takes its time; what went wrong shows by its path. */
const cases: readonly (readonly [string, () => ResourceTree])[] = [
  [
    'what is new',
    () => [
      file({ path: '/srv/new', content: 'new\n', mode: '0600', owner: 'daemon' }),
      directory({ path: '/srv/a/b/c', parents: true, mode: '2775' }),
      file({ path: '/srv/a/b/c/inside', content: 'inside\n' }),
      symlink({ path: '/srv/a/b/to', target: 'c/inside' }),
      line({ path: '/srv/lines', line: 'three', create: true, owner: 'daemon' }),
      download({ path: '/srv/got', url: url('tree/second'), sha256: sums['tree/second'] ?? '' }),
      archive({ path: '/opt/app', ...packed('one.tar.gz'), owner: 'daemon' }),
      gitCheckout({ path: '/srv/fresh', repository: '/run/origin', revision: 'main' }),
      mount({ path: '/mnt/new', source: 'tmpfs', type: 'tmpfs', options: ['size=1m', 'mode=0700'] }),
      cron({ name: 'new', schedule: '@daily', command: 'true' }),
    ],
  ],
  [
    'another content, mode, owner, target or revision',
    () => [
      file({ path: '/srv/text', content: 'other', mode: '0604' }),
      file({ path: '/srv/old', content: 'old\n', mode: '4711' }),
      file({ path: '/srv/large', content: 'small\n', mode: '0600', owner: 'daemon' }),
      directory({ path: '/srv/tree', mode: '0700', owner: 'root', group: 'root' }),
      symlink({ path: '/srv/dangling', target: 'tree' }),
      gitCheckout({ path: '/srv/clone', repository: '/run/origin', revision: 'main' }),
      gitCheckout({ path: '/srv/dirty', repository: '/run/origin', revision: 'v1', force: true }),
      cron({ name: 'job', schedule: '2 2 * * *', command: 'date +%s' }),
    ],
  ],
  [
    'a part of a file, and one kind in the place of another',
    () => [
      line({ path: '/srv/text', line: 'three' }),
      block({ path: '/srv/text', name: 'lab', content: 'a\nb' }),
      file({ path: '/srv/link', content: 'x', onSymlink: 'replace', mode: '0640', owner: 'daemon' }),
      symlink({ path: '/srv/old', target: 'text', onFile: 'replace' }),
      archive({ path: '/srv/tree', replace: true, ...packed('two.tar.gz') }),
      archive({ path: '/opt/local', source: localArchive }),
    ],
  ],
  [
    'what goes',
    () => [
      absent({ path: '/srv/big', recursive: true }),
      absent({ path: '/srv/text' }),
      absent({ path: '/srv/pipe' }),
      symlink({ path: '/srv/link', state: 'absent' }),
      directory({ path: '/srv/tree', state: 'absent', recursive: true }),
      absent({ path: '/srv/clone', recursive: true }),
      cron({ name: 'job', state: 'absent' }),
    ],
  ],
  [
    'the same path more than once',
    () => [
      file({ path: '/srv/old', content: 'old\n', mode: '0600', owner: 'games' }),
      download({ path: '/srv/text', url: url('tree/second'), sha256: sums['tree/second'] ?? '', mode: '0755' }),
      directory({ path: '/srv/tree', mode: '0750', owner: 'daemon', group: 'games' }),
      file({ path: '/srv/tree/file', content: 'changed\n' }),
      absent({ path: '/srv/tree/link' }),
    ],
  ],
];

for (const [name, resources] of cases) test(name, () => thereAndBackTwice(host, state, resources));
