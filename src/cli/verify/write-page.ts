import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Inventory } from '../../model/types.ts';
import type { VerifyReport } from '../../report/verify/report.ts';
import { writeWhole } from '../../secrets/write-whole.ts';
import { LabError } from '../../shared/errors.ts';

/**
 * Where a page could not be written: this is said before hosts are asked for a minute.
 *
 * @throws LabError USAGE
 */
export async function refuseFile(file: string): Promise<void> {
  const before = await stat(file).catch(() => undefined);
  if (before !== undefined && !before.isFile()) throw unwritable(file, before.isDirectory() ? 'a folder' : 'no file');
  try {
    await access(dirname(file), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw unwritable(file, (cause as Error).message, cause);
  }
}

/**
 * For the user alone: addresses of the home, names and rules are in it.
 *
 * @throws LabError USAGE
 */
export async function writePage(file: string, report: VerifyReport, inventory: Inventory): Promise<void> {
  const { drawReport } = await import('../../report/verify/page.ts');
  try {
    await writeWhole(file, drawReport(report, inventory), 0o600);
  } catch (cause) {
    throw unwritable(file, (cause as Error).message, cause);
  }
  process.stderr.write(`wrote ${file}\n`);
}

function unwritable(file: string, found: string, cause?: unknown): LabError {
  return new LabError('USAGE', `the page cannot be written to ${file}`, {
    expected: 'a file in a folder that is there and can be written to',
    found,
    cause,
  });
}
