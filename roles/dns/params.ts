import { z } from '../../src/index.ts';
import { zones } from './public/params.ts';

/** Parameters of the role dns. */
export const params = z.strictObject({
  zones: zones.default({}),
});
