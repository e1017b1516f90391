import { z } from '../../src/index.ts';
import { authoritative, zones } from './public/params.ts';

/** Parameters of the role dns. */
export const params = z.strictObject({
  zones: zones.default({}),
  authoritative,
});
