/** Runs the CLI from its sources, for tests of commands: `jiti test/support/run-cli.ts secrets view`. */
import { main } from '../../src/cli/main.ts';

await main(process.argv.slice(2));
