import { z } from '../../src/index.ts';
import { privateParams } from './private/params.ts';

/** Parameters of the role dns; all are optional. */
export const params = z.strictObject({ ...privateParams });

export type Params = z.output<typeof params>;
