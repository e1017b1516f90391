import type { DriftReport } from '../report/drift-report.ts';

/** What is told of a check: as text for a person, and whole for a program. */
export interface Notification {
  /** One line. */
  readonly title: string;
  readonly text: string;
  readonly report: DriftReport;
  /** For a program, beside what the report says. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A way to tell somebody. */
export interface Notifier {
  /** The option that asked for it. */
  readonly option: string;
  /** @throws Error that says why it was not delivered, without a secret */
  send(notification: Notification): Promise<void>;
}

/**
 * Tells every notifier, side by side.
 *
 * @returns what went wrong, a line each
 */
export async function notifyAll(notifiers: readonly Notifier[], notification: Notification): Promise<string[]> {
  const outcomes = await Promise.allSettled(notifiers.map((notifier) => notifier.send(notification)));
  return outcomes.flatMap((outcome, index) =>
    outcome.status === 'fulfilled' ? [] : [`${notifiers[index]?.option}: ${(outcome.reason as Error).message}`],
  );
}
