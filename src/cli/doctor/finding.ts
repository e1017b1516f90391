/** What was looked at, how it is, and what to do when it is not as it should be. */
export interface Finding {
  /** Names the trouble for programs: `disk-full`. Part of the interface, see docs/cli.md. */
  readonly id: string;
  readonly level: 'good' | 'warning' | 'bad';
  readonly text: string;
  /** Why it matters, in a sentence; null for what is good. */
  readonly reason: string | null;
  /** What mends it; null for what is good. */
  readonly remedy: string | null;
}

export function good(id: string, text: string): Finding {
  return { id, level: 'good', text, reason: null, remedy: null };
}

/** Something that works today, and will not one day. */
export function warning(id: string, text: string, reason: string, remedy: string): Finding {
  return { id, level: 'warning', text, reason, remedy };
}

/** Something that keeps lab from its work. */
export function bad(id: string, text: string, reason: string, remedy: string): Finding {
  return { id, level: 'bad', text, reason, remedy };
}
