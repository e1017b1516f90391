import type { LabError } from '../shared/errors.ts';
import type { Redactor } from '../shared/secret.ts';
import type { EventFailure } from './events.ts';

/** An error as events carry it: redacted, no stack. */
export function describeFailure(error: LabError, redactor: Redactor, resource: string | undefined): EventFailure {
  const { at, expected, found, output, hint, others } = error.details;
  const redact = (text: string | undefined) => (text === undefined ? undefined : redactor.redact(text));
  const command = /^exit code \d+ of: ([\s\S]*)$/.exec(found ?? '')?.[1];
  const message = [error.message, ...(others ?? []).map((other) => other.message)].join('; ');
  const fields = {
    resource,
    at,
    expected: redact(expected),
    found: redact(found),
    command: redact(command),
    output: redact(output),
    hint: redact(hint),
  };
  return {
    code: error.code,
    message: redactor.redact(message),
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  };
}
