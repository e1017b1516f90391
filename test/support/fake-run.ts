/**
 * Plays recorded runs through a renderer, so that one can look at them:
 *
 *     npx jiti test/support/fake-run.ts first --diff
 *     npx jiti test/support/fake-run.ts check --output plain
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createRenderer } from '../../src/report/create-renderer.ts';
import { terminalOf } from '../../src/report/terminal.ts';
import { recordings } from './recorded-runs.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    diff: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    output: { type: 'string', default: 'pretty' },
    /** Stretches the recorded times. */
    slow: { type: 'string', default: '1' },
  },
});
const [name = 'first'] = positionals;
const recording = recordings[name];
if (recording === undefined) throw new Error(`no recording ${name}; there are ${Object.keys(recordings).join(', ')}`);

const renderer = createRenderer({
  output: values.output as 'pretty' | 'plain' | 'json',
  diff: values.diff,
  verbose: values.verbose,
  stream: process.stdout,
  ...terminalOf(process.stdout),
});
const begun = Date.now();
for (const event of recording()) {
  await sleep(Math.max(0, event.ms * Number(values.slow) - (Date.now() - begun)));
  renderer.handle(event);
}
await renderer.close();
