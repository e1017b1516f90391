import { createHash } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FactLoader } from '../../../src/remote/facts/loader.ts';
import type { Session } from '../../../src/remote/session.ts';
import fc from '../../support/fast-check.ts';
import { describeShells, hostileName, hostileText, openSession, temporaryFolder } from './support.ts';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
  fc.constantFrom('', '\n', 'no newline at the end', '\0\0', '\r\n').map((text) => Buffer.from(text)),
);
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

describeShells('reading files', (shell) => {
  const folder = temporaryFolder();
  let session: Session;
  beforeAll(async () => {
    session = await openSession(shell, join(folder, 'state'));
  });
  afterAll(() => session[Symbol.asyncDispose]());
  let count = 0;
  const freshFolder = () => {
    const path = join(folder, String(count++));
    mkdirSync(path);
    return path;
  };

  it('tells kind, mode, size and time of any path, and its content to the byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.tuple(hostileName, bytes), { selector: ([name]) => name }), async (files) => {
        const within = freshFolder();
        const loader = new FactLoader(session);
        for (const [name, content] of files) writeFileSync(join(within, name), content, { mode: 0o640 });
        const facts = await Promise.all(files.map(([name]) => loader.file(`${within}/${name}`)));
        const contents = await Promise.all(files.map(([name]) => loader.content(`${within}/${name}`)));
        for (const [index, [name, content]] of files.entries()) {
          const { mtimeMs } = statSync(join(within, name));
          expect(facts[index]).toMatchObject({
            kind: 'file',
            mode: '0640',
            size: content.length,
            links: 1,
            modified: Math.floor(mtimeMs / 1000),
            target: null,
          });
          expect(contents[index]).toEqual(content);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('sums every file, whatever its name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.tuple(hostileName, bytes), { selector: ([name]) => name }), async (files) => {
        const within = freshFolder();
        for (const [name, content] of files) writeFileSync(join(within, name), content);
        const loader = new FactLoader(session);
        const facts = await Promise.all(files.map(([name]) => loader.file(`${within}/${name}`)));
        expect(facts.map((fact) => fact.sha256)).toEqual(files.map(([, content]) => sha256(content)));
      }),
      { numRuns: 40 },
    );
  });

  it('keeps a hundred files apart, half of them absent', async () => {
    const within = freshFolder();
    const paths = Array.from({ length: 100 }, (_, index) => join(within, `a-rather-long-name-for-a-file-${index}`));
    for (const [index, path] of paths.entries()) if (index % 2 === 0) writeFileSync(path, String(index));
    const loader = new FactLoader(session);
    const facts = await Promise.all(paths.map((path) => loader.file(path)));
    expect(facts.map((fact) => fact.kind)).toEqual(paths.map((_, index) => (index % 2 === 0 ? 'file' : 'absent')));
    expect(facts.map((fact) => fact.sha256)).toEqual(
      paths.map((_, index) => (index % 2 === 0 ? sha256(Buffer.from(String(index))) : null)),
    );
  });

  it('does not take the name of one file for the record of another', async () => {
    const within = freshFolder();
    const victim = join(within, 'victim');
    writeFileSync(victim, 'kept');
    // A folder's name holds a newline, what looks like a checksum, and the path of the victim.
    const liar = `${within}/x\n${'0'.repeat(64)}  ${victim}\nstat: cannot stat: Permission denied`;
    mkdirSync(join(liar, '..'), { recursive: true });
    writeFileSync(liar, 'lie');
    const loader = new FactLoader(session);
    const [fact, lie] = await Promise.all([loader.file(victim), loader.file(liar)]);
    expect(fact.sha256).toBe(sha256(Buffer.from('kept')));
    expect(lie).toMatchObject({ kind: 'file', sha256: sha256(Buffer.from('lie')) });
  });

  it('reads a link itself, with any target', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(hostileName, hostileText), { selector: ([name]) => name }),
        async (links) => {
          const within = freshFolder();
          const targets = links.map(([name, target]) => [name, target === '' ? 'x' : target] as const);
          for (const [name, target] of targets) symlinkSync(target, join(within, name));
          const loader = new FactLoader(session);
          const facts = await Promise.all(targets.map(([name]) => loader.file(`${within}/${name}`)));
          expect(facts.map(({ kind, target, sha256 }) => ({ kind, target, sha256 }))).toEqual(
            targets.map(([, target]) => ({ kind: 'symlink', target, sha256: null })),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it('tells directories, special bits, hard links and absence', async () => {
    const within = freshFolder();
    const at = (name: string) => join(within, name);
    mkdirSync(at('directory'));
    chmodSync(at('directory'), 0o2750);
    mkdirSync(at('sticky'));
    chmodSync(at('sticky'), 0o1777);
    writeFileSync(at('setuid'), '');
    chmodSync(at('setuid'), 0o4755);
    linkSync(at('setuid'), at('second'));
    utimesSync(at('second'), 1_000_000_000, 1_000_000_000);
    const loader = new FactLoader(session);
    const names = ['directory', 'sticky', 'setuid', 'second', 'absent', 'setuid/below-a-file'];
    const facts = await Promise.all(names.map((name) => loader.file(at(name))));
    expect(
      facts.map(({ kind, mode, sha256, links, modified }) => [kind, mode, sha256 === null, links, modified]),
    ).toEqual(
      [
        ['directory', '2750', true, 2, statSync(at('directory')).mtimeMs],
        ['directory', '1777', true, 2, statSync(at('sticky')).mtimeMs],
        ['file', '4755', false, 2, 1_000_000_000_000],
        ['file', '4755', false, 2, 1_000_000_000_000],
        ['absent', '', true, 0, 0],
        ['absent', '', true, 0, 0],
      ].map((row) => [...row.slice(0, 4), Math.floor(Number(row[4]) / 1000)]),
    );
  });

  it('follows links for content, and has none of what is no file', async () => {
    const within = freshFolder();
    const at = (name: string) => join(within, name);
    writeFileSync(at('file'), 'text');
    symlinkSync('file', at('link'));
    symlinkSync('nowhere', at('dangling'));
    const loader = new FactLoader(session);
    const contents = await Promise.all(['link', 'dangling', '.', 'absent'].map((name) => loader.content(at(name))));
    expect(contents).toEqual([Buffer.from('text'), null, null, null]);
  });

  it('refuses a content over 4 MiB, and carries one of exactly that', async () => {
    const within = freshFolder();
    const limit = 4 * 1024 * 1024;
    writeFileSync(join(within, 'most'), Buffer.alloc(limit, 7));
    writeFileSync(join(within, 'over'), Buffer.alloc(limit + 1, 7));
    const loader = new FactLoader(session);
    const over = loader.content(join(within, 'over'));
    expect((await loader.content(join(within, 'most')))?.length).toBe(limit);
    await expect(over).rejects.toMatchObject({ code: 'READ_FAILED', details: { found: 'more' } });
  });

  it('costs one round trip for all kinds of facts', async () => {
    const fresh = await openSession(shell, join(folder, 'state'));
    const loader = new FactLoader(fresh);
    await Promise.all([
      ...['/etc/passwd', '/etc/group', '/nowhere'].flatMap((path) => [loader.file(path), loader.content(path)]),
      loader.system(),
      loader.state(),
      loader.package('coreutils'),
      loader.user('root'),
      loader.group('root'),
      loader.sysctl('net.ipv4.ip_forward'),
      loader.run(['true']),
    ]);
    expect(fresh.roundTrips).toBe(1);
    await fresh[Symbol.asyncDispose]();
  });
});
