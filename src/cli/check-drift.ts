import { asUserCodeError } from '../playbook/module-error.ts';
import { type DriftReport, driftReport, failedDriftReport } from '../report/drift-report.ts';
import { driftText } from '../report/drift-text.ts';
import { RunState } from '../report/run-state.ts';
import { painter } from '../report/style.ts';
import { visible } from '../report/visible.ts';
import { describeFailure } from '../runner/describe-failure.ts';
import { openedSecrets } from '../secrets/secret.ts';
import { asLabError, formatError } from '../shared/errors.ts';
import { Redactor } from '../shared/secret.ts';
import type { ConnectOptions, LoadOptions, SelectOptions } from './run-options.ts';
import { runPlaybook } from './run-playbook.ts';

type Options = SelectOptions &
  ConnectOptions &
  LoadOptions & { readonly output: 'plain' | 'json'; readonly diff?: boolean };

export interface DriftOutcome {
  readonly report: DriftReport;
  /** For a notification. */
  readonly text: string;
  /** Why the check could not run. */
  readonly thrown?: unknown;
}

/** Reads the hosts as `lab run --check` does. What goes wrong is in the report, too. */
export async function checkDrift(playbook: string, options: Options): Promise<DriftOutcome> {
  const startedAt = new Date();
  const began = performance.now();
  const about = () => ({ playbook, startedAt, durationMs: performance.now() - began });
  const state = new RunState();
  try {
    const result = await runPlaybook(playbook, { ...options, mode: 'check', renderer: collectorOf(state) });
    const report = driftReport(about(), state, result);
    const text = driftText(report, {
      diff: options.diff === true,
      columns: Number.POSITIVE_INFINITY,
      paint: painter(false),
    });
    return { report, text };
  } catch (thrown) {
    const error = asUserCodeError(thrown) ?? asLabError(thrown);
    const redactor = new Redactor();
    for (const secret of openedSecrets()) redactor.add(secret);
    return {
      report: failedDriftReport(about(), error.exitCode, describeFailure(error, redactor, undefined)),
      text: redactor.redact(visible(formatError(error))),
      thrown,
    };
  }
}

/** Shows nothing while it runs: what there is to tell is known at the end. */
function collectorOf(state: RunState) {
  return {
    handle: (event: Parameters<RunState['handle']>[0]) => state.handle(event),
    announce: (text: string) => void process.stderr.write(`${text}\n`),
    suspend: async () => () => {},
    close: async () => {},
  };
}
