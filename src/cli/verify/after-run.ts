import { setTimeout } from 'node:timers/promises';
import { type ExitCode, exitCodes } from '../../shared/errors.ts';
import type { VerifyOptions } from '../verify.ts';
import { lookAtAll, tellAll } from './all.ts';

/** A certificate, and the first packets of a link, take a moment after the run that asked for them. */
const looks = 3;
const pauseMs = 10_000;

/** Looking again would not change these. */
const final = new Set<ExitCode>([exitCodes.asDeclared, exitCodes.interrupted, exitCodes.usage]);

/** `lab run --verify`: `lab verify` right after a run, patient with what the run has only begun. */
export async function verifyAfterRun(options: VerifyOptions): Promise<ExitCode> {
  for (let look = 1; ; look++) {
    const looked = await lookAtAll(options);
    if (look === looks || final.has(looked.report.exitCode)) return await tellAll(looked, options);
    process.stdout.write(`${looked.report.summary}; looking again in ${pauseMs / 1000} s\n`);
    await setTimeout(pauseMs);
  }
}
