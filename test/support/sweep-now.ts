import { sweepLeftovers } from './sweep.ts';

// For scripts: what crashed test runs left behind, at once.
await sweepLeftovers();
