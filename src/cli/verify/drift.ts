import { findPlaybook } from '../../playbook/find.ts';
import type { DriftReport } from '../../report/drift-report.ts';
import { driftProblems, driftUnproven } from '../../report/drift-text.ts';
import type { Verification } from '../../report/verify/verification.ts';
import { exitCodes, LabError } from '../../shared/errors.ts';
import { checkDrift } from '../check-drift.ts';
import type { VerifyOptions } from '../verify.ts';

/** What is checked when nobody says which playbook. */
const usualPlaybook = 'site';

/**
 * The playbook that was named, or the usual one where there is one. A playbook has an inventory of its own: where another is named, none
 * is chosen.
 *
 * @throws LabError PLAYBOOK_NOT_FOUND for a name that is none's
 */
export function playbookOf({ playbook, inventory }: VerifyOptions, folder: string): string | undefined {
  if (playbook !== undefined) {
    findPlaybook(playbook, folder);
    return playbook;
  }
  if (inventory !== undefined) return undefined;
  try {
    findPlaybook(usualPlaybook, folder);
    return usualPlaybook;
  } catch (thrown) {
    if (thrown instanceof LabError && thrown.code === 'PLAYBOOK_NOT_FOUND') return undefined;
    throw thrown;
  }
}

/** `lab drift`, as a verification. */
export async function verifyDrift(playbook: string, options: VerifyOptions): Promise<Verification<DriftReport>> {
  const selection = { tags: [], skipTags: [], typeCheck: true };
  const { report, thrown } = await checkDrift(playbook, { ...options, ...selection });
  // The exit code says what is known: what could not run found nothing.
  if (thrown !== undefined) throw thrown;
  const { startedAt, exitCode, summary, hosts } = report;
  return {
    checkedAt: startedAt,
    exitCode,
    summary: exitCode === exitCodes.asDeclared ? `${summary}, by ${playbook}` : summary,
    problems: driftProblems(report),
    unlooked: [],
    unproven: driftUnproven(report),
    hosts: Object.keys(hosts),
    found: report,
    lines: [],
  };
}
