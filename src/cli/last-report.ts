import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LastReport } from '../notify/due.ts';
import { writeWhole } from '../secrets/write-whole.ts';
import { stateFolder } from './last-failed.ts';

/**
 * What the last check like this one told, for `--notify-on-change`: fingerprints, no values.
 *
 * @param check what makes it the same check: folder, playbook, selection, who is told
 */
export async function lastReport(check: unknown): Promise<LastReport | undefined> {
  try {
    const report = JSON.parse(await readFile(fileOf(check), 'utf8')) as LastReport;
    return report.version === 1 ? report : undefined;
  } catch {
    return undefined;
  }
}

/** A home that cannot be written to costs quiet: the same drift is told again the next time. */
export async function rememberReport(check: unknown, report: LastReport): Promise<void> {
  try {
    await mkdir(stateFolder(), { recursive: true, mode: 0o700 });
    await writeWhole(fileOf(check), JSON.stringify(report), 0o600);
  } catch (thrown) {
    process.stderr.write(`lab drift: cannot remember what was told: ${(thrown as Error).message}\n`);
  }
}

function fileOf(check: unknown): string {
  const key = createHash('sha256').update(JSON.stringify(check)).digest('hex').slice(0, 16);
  return join(stateFolder(), `drift-${key}.json`);
}
