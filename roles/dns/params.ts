import { z } from '../../src/index.ts';
import { privateParams } from './private/params.ts';
import { authoritative, zones } from './public/params.ts';

/** Parameters of the role dns; all are optional. */
export const params = z.strictObject({
  ...privateParams,
  /** Zones that are published from this host, by name: `{ 'example.dev': { provider: … } }`. */
  zones: zones.default({}),
  authoritative,
});

export type Params = z.output<typeof params>;
