import type { StartedHost } from './host.ts';
import { readPage } from './markdown.ts';

// What graders say of a host, and which of it is left as it is on purpose: docs/hardening.md is the one list of that.

/** Something that a grader wants otherwise. */
export interface Finding {
  /** Test of lynis (`SSH-7408`), or `ssh-audit`. */
  readonly test: string;
  /** What of it, where one test looks at many: a parameter of the kernel, a keyword of sshd_config(5), an algorithm. */
  readonly what: string | undefined;
  readonly text: string;
}

export interface Audit {
  /** Points that a host has of those there are for it, in per cent. */
  readonly index: number;
  readonly warnings: readonly string[];
  /** Suggestions, and tests that took points away. */
  readonly findings: readonly Finding[];
}

/** Needs the package lynis on the host; half a minute. */
export async function lynis(host: StartedHost): Promise<Audit> {
  await host.sh('lynis audit system --quick --no-colors >/dev/null 2>&1; test -s /var/log/lynis-report.dat');
  const report = (await host.sh('cat /var/log/lynis-report.dat')).split('\n');
  const all = (key: string) =>
    report.flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1).split('|')] : []));
  const told = [
    ...all('suggestion[]')
      .filter(([test]) => test !== 'KRNL-6000')
      .map(suggestion),
    ...all('details[]').flatMap(parameter),
  ];
  const silent = lostPoints(await host.sh('cat /var/log/lynis.log')).filter(
    ({ test }) => !told.some((one) => one.test === test),
  );
  return {
    index: Number(all('hardening_index')[0]?.[0]),
    warnings: all('warning[]').map((fields) => fields.join('|')),
    findings: [...told, ...silent],
  };
}

/** Some tests take points away and suggest nothing. */
function lostPoints(log: string): Finding[] {
  return log
    .split(' Performing test ID ')
    .slice(1)
    .flatMap((section) => {
      const test = /^\S+/.exec(section)?.[0] ?? '';
      const lost = [...section.matchAll(/assigned partial number of hardening points \((\d+) of (\d+)\)/g)].some(
        ([, points, most]) => Number(points) < Number(most),
      );
      return lost ? [{ test, what: undefined, text: 'takes points away' }] : [];
    });
}

const suggestion = ([test = '', text = '', detail = '']: readonly string[]): Finding => ({
  test,
  what: test === 'SSH-7408' ? /^\w+/.exec(detail)?.[0] : undefined,
  text: `${text} ${detail}`,
});

/** The suggestion KRNL-6000 is one for all parameters of the kernel; which they are stands elsewhere. */
function parameter([test = '', , text = '']: readonly string[]): Finding[] {
  const what = /field:([^;]+)/.exec(text)?.[1];
  return test === 'KRNL-6000' && what !== undefined ? [{ test, what, text }] : [];
}

/** What ssh-audit finds in the server of an address; needs its package on the host that asks. */
export async function sshAudit(host: StartedHost, address = '127.0.0.1'): Promise<readonly Finding[]> {
  const { exitCode, stdout, stderr } = await host.exec(['ssh-audit', '--no-colors', '--level=warn', address]);
  let what: string | undefined;
  const findings = stdout.split('\n').flatMap((text): Finding[] => {
    // Further lines on the same algorithm do not name it.
    what = /^\(\w+\) (\S+)/.exec(text)?.[1] ?? what;
    return /\[(fail|warn)\]/.test(text) ? [{ test: 'ssh-audit', what, text }] : [];
  });
  // 2 is a warning, 3 a failure.
  if (![0, 2, 3].includes(exitCode) || (exitCode === 0) !== (findings.length === 0))
    throw new Error(`ssh-audit: exit code ${exitCode}\n${stdout}${stderr}`);
  return findings;
}

/** Findings that docs/hardening.md explains: rows of the tables whose first column names tests, and of ssh-audit's. */
export class Exceptions {
  readonly #rows: readonly { readonly tests: readonly string[]; readonly wants: readonly string[] }[];

  constructor() {
    this.#rows = readPage('docs/hardening.md').prose.flatMap((line) => {
      const [, first = '', wants = '', why = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
      const tests = testsOf(first);
      return tests.length > 0 && why !== '' ? [{ tests, wants: wordsOf(wants) }] : [];
    });
  }

  /** What no row explains. */
  unexplained(findings: readonly Finding[]): readonly string[] {
    return findings
      .filter(
        ({ test, what }) =>
          !this.#rows.some((row) => row.tests.includes(test) && (what === undefined || row.wants.includes(what))),
      )
      .map(({ test, what, text }) => `${test} ${what ?? ''}: ${text}`);
  }

  /** Tests with a row that none of these findings is for. */
  unused(findings: readonly Finding[]): readonly string[] {
    const found = new Set(findings.map(({ test }) => test));
    return [...new Set(this.#rows.flatMap(({ tests }) => tests))].filter((test) => !found.has(test)).sort();
  }
}

/** `ACCT-9622, 9626` are two tests of one kind. */
function testsOf(cell: string): string[] {
  if (cell === 'ssh-audit' || cell === 'LYNIS') return [cell];
  if (!/^[A-Z]+-\d{4}(, ([A-Z]+-)?\d{4})*$/.test(cell)) return [];
  let kind = '';
  return cell.split(', ').map((test) => {
    const at = test.indexOf('-');
    if (at !== -1) kind = test.slice(0, at);
    return `${kind}-${test.slice(at + 1)}`;
  });
}

/** What stands in code, without a value: `net.ipv4.conf.all.rp_filter=1`. */
const wordsOf = (cell: string): string[] => [...cell.matchAll(/`([^`=\s]+)[^`]*`/g)].flatMap(([, word]) => word ?? []);
