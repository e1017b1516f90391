/** Writes `schema/events.v1.json`: `npx jiti test/support/write-event-schema.ts`. A test holds it to the zod schema. */
import { writeFileSync } from 'node:fs';
import { runEventJsonSchema } from '../../src/report/event-schema.ts';

writeFileSync(
  new URL('../../schema/events.v1.json', import.meta.url),
  `${JSON.stringify(runEventJsonSchema(), null, 2)}\n`,
);
