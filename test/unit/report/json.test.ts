import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createRenderer } from '../../../src/report/create-renderer.ts';
import { runEventJsonSchema, runEventSchema } from '../../../src/report/event-schema.ts';
import type { RunEvent } from '../../../src/runner/events.ts';
import { CaptureStream } from '../../support/capture-stream.ts';
import { recordings } from '../../support/recorded-runs.ts';

const writtenSchema = JSON.parse(readFileSync(new URL('../../../schema/events.v1.json', import.meta.url), 'utf8'));

async function ndjson(events: readonly RunEvent[]): Promise<string[]> {
  const stream = new CaptureStream();
  const options = { diff: false, verbose: false, columns: 0, isTTY: false, colors: false };
  const renderer = createRenderer({ output: 'json', stream, ...options });
  for (const event of events) renderer.handle(event);
  await renderer.close();
  return stream.lines;
}

describe('--output json', () => {
  it.each(Object.keys(recordings))('writes the events of %s, each valid and complete', async (name) => {
    const events = recordings[name]?.() ?? [];
    const lines = await ndjson(events);
    const fromJsonSchema = z.fromJSONSchema(writtenSchema);
    expect(lines.map((line) => JSON.parse(line))).toEqual(events);
    for (const line of lines) {
      const event = JSON.parse(line);
      // Equal, and not only valid: a field that the schema does not know would be left out.
      expect(runEventSchema.parse(event)).toEqual(event);
      expect(fromJsonSchema.safeParse(event).error).toBeUndefined();
    }
  });

  it('refuses what is no event', () => {
    expect(z.fromJSONSchema(writtenSchema).safeParse({ event: 'host-connected', ms: 1 }).success).toBe(false);
  });

  it('steers no terminal, and means the same', async () => {
    const text = 'a\u001b[2J\u009b31m\u007f\u202e';
    const [line = ''] = await ndjson([{ event: 'host-notice', ms: 1, host: 'nas', level: 'info', text }]);
    expect(line).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse(line).text).toBe(text);
  });

  it('is described by schema/events.v1.json (npx jiti test/support/write-event-schema.ts)', () => {
    expect(writtenSchema).toEqual(JSON.parse(JSON.stringify(runEventJsonSchema())));
  });

  it('has every event in docs/events.md', () => {
    const documentation = readFileSync(new URL('../../../docs/events.md', import.meta.url), 'utf8');
    const names = runEventSchema.options.map(({ shape }) => shape.event.value);
    expect(names.filter((name) => !documentation.includes(`\`${name}\``))).toEqual([]);
  });
});
