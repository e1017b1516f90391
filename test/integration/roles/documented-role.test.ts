import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabProject, labProject } from '../../support/lab-project.ts';
import { type CodeBlock, readPage, root } from '../../support/markdown.ts';

let host: StartedHost;
let project: LabProject;

beforeAll(async () => {
  host = await startHost();
  project = labProject({ ...filesOf('docs/writing-a-role.md'), ...inventoryFiles({ nas: host }) });
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

/** The files that a page shows, each as it shows it last. */
function filesOf(path: string): Record<string, string> {
  const name = ({ note, text }: CodeBlock) =>
    /^file: (\S+)$/.exec(note)?.[1] ?? /^\/\/ ([\w./-]+\.ts)\n/.exec(text)?.[1];
  return Object.fromEntries(
    readPage(path).blocks.flatMap((block) => {
      const file = name(block);
      return file === undefined ? [] : [[file, `${block.text}\n`]];
    }),
  );
}

/** A folder with an `npx` that calls the program under test; the container is the sandbox. */
function folderWithNpx(): string {
  const folder = join(project.root, 'bin');
  mkdirSync(folder);
  const npx = join(folder, 'npx');
  writeFileSync(
    npx,
    `#!/bin/sh\n[ "$1 $2" = "--no lab" ] || exit 97\nshift 2\n[ "$1" != sandbox ] || exit 0\nexec '${process.execPath}' '${root}bin/lab.js' "$@"\n`,
  );
  chmodSync(npx, 0o755);
  return folder;
}

test('the role of the guide passes its own test, and leaves nothing behind', { timeout: 300_000 }, async () => {
  const before = await host.sh('ls /etc /usr/local/bin /etc/systemd/system; getent passwd; getent group');
  const { status, stdout, stderr } = spawnSync('sh', ['test/disk-watch.sh'], {
    cwd: project.root,
    encoding: 'utf8',
    env: { PATH: `${folderWithNpx()}:${process.env.PATH}`, HOME: join(project.root, 'home') },
  });
  expect({ status, output: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, output: '' });
  expect(stdout).toContain('nas | active');
  expect(await host.sh('ls /etc /usr/local/bin /etc/systemd/system; getent passwd; getent group')).toBe(before);
});

test('a wrong parameter is told as the guide shows it', { timeout: 120_000 }, async () => {
  const site = project.read('playbooks/site.ts');
  project.write('playbooks/wrong.ts', site.replace('roles: [diskWatch]', 'roles: [diskWatch({ percent: 100 })]'));
  const { exitCode, stderr } = await project.lab(['run', 'wrong.ts']);
  const shown = readPage('docs/writing-a-role.md').blocks.find(({ note }) => note === 'run: lab run wrong.ts');
  expect({ exitCode, said: stderr.trimEnd().replaceAll(`${project.root}/`, '') }).toEqual({
    exitCode: 4,
    said: shown?.text,
  });
});
