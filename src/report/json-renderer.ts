import type { Renderer, RendererOptions } from './renderer.ts';
import { LineWriter } from './renderer.ts';

/** NDJSON: one event a line, exactly as the runner emits it. `docs/events.md` describes it. */
export function jsonRenderer({ stream }: Pick<RendererOptions, 'stream'>): Renderer {
  const writer = new LineWriter(stream);
  return {
    handle: (event) => writer.line(jsonLine(event)),
    announce: (text) => void process.stderr.write(`${text}\n`),
    suspend: async () => () => {},
    close: () => writer.flushed(),
  };
}

/** JSON.stringify leaves DEL, C1 and bidirectional controls raw: as escapes they mean the same and steer no terminal. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
