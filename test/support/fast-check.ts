import fc from 'fast-check';
import { seedOfTests } from './random.ts';

// Tests of every change are the same every time; LAB_TEST_SEED has them look at something else.
fc.configureGlobal({ seed: seedOfTests(1) });

export default fc;
