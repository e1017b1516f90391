/** Where something shows that is nobody's business outside. */
export const findingKinds = [
  'record',
  'open',
  'certificate',
  'answer',
  'header',
  'body',
  'mail',
  'egress',
  'endpoint',
] as const;

/** One place at which the home shows, or what is inside. */
export interface ExposureFinding {
  readonly kind: (typeof findingKinds)[number];
  /** A record, a header, a port, a file: `photos.example.dev A`, `Location of https://photos.example.dev/`. */
  readonly where: string;
  /** What was found there, as it was. */
  readonly found: string;
  /** What that is, as a part of a sentence. */
  readonly tells: string;
  /** How to stop it. */
  readonly stop: string;
}

/** One line for a person: what shows where. */
export function describeExposure({ kind, where, found, tells }: ExposureFinding): string {
  return `${kind}: ${where}: ${found}, ${tells}`;
}

/** The same thing seen twice, such as under two names, is told once. */
export function withoutRepeats(findings: readonly ExposureFinding[]): readonly ExposureFinding[] {
  return [...new Map(findings.map((one) => [`${one.kind} ${one.where} ${one.found}`, one])).values()];
}
