import { formatLocation, type SourceLocation } from '../../shared/errors.ts';

/** What a person has to know about what came out; in the order in which it is told. */
export const noteKinds = ['renamed', 'changed', 'left out'] as const;
export type NoteKind = (typeof noteKinds)[number];

export interface Note {
  readonly kind: NoteKind;
  readonly at: SourceLocation | undefined;
  /** The variable, host, group or file. */
  readonly what: string;
  readonly why: string;
}

/** Collects notes, each once. */
export class Notes {
  readonly #notes = new Map<string, Note>();

  add(kind: NoteKind, at: SourceLocation | undefined, what: string, why: string): void {
    const key = [kind, at === undefined ? '' : formatLocation(at), what, why].join('\0');
    if (!this.#notes.has(key)) this.#notes.set(key, { kind, at, what, why });
  }

  of(kind: NoteKind): readonly Note[] {
    return [...this.#notes.values()].filter((note) => note.kind === kind);
  }
}
