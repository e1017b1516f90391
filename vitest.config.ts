import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A failure tells all that it found: what a program printed is the only trace of it. */
const whole = { chaiConfig: { truncateThreshold: 0 } };

/**
 * Two cores and one engine: hosts booting side by side make each other miss their deadlines. Three files, as a file waits for its hosts half
 * of its time.
 */
const containers = {
  ...whole,
  globalSetup: ['test/support/global-setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 120_000,
  maxWorkers: 3,
  // A machine that others use loses a packet or a second: one more try there, which the report names.
  retry: process.env.CI === 'true' ? 1 : 0,
  // What is waited for comes late on a busy machine; one second is the default.
  expect: { poll: { timeout: 30_000 } },
};

/** Files that take a minute and more. */
const slow = [
  ...[
    'roles/rotate-keys',
    'roles/dns-private',
    'isolation',
    'engine/kills',
    'roles/dns-rfc2136',
    'e2e/gateway',
    'cli/schedule',
  ],
  ...['e2e/exposure', 'roles/gateway-passthrough', 'roles/dns-cloudflare', 'cli/mistakes', 'roles/gateway-wildcard'],
  ...['integration/bootstrap', 'cli/run', 'cli/schedule-rotation', 'cli/resume', 'roles/status', 'remote/apply'],
  ...[
    'cli/interruptions',
    'resources/rollback-system',
    'resources/system',
    'cli/history',
    'engine/guard',
    'cli/backup',
  ],
];

/** The slowest first, so that no worker is left alone with one at the end. */
class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = slow.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return at < 0 ? slow.length : at;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

/** One kind of tests after the other, the quick ones first: `groupOrder`. */
export default defineConfig({
  test: {
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/cases/**/*.test.ts', 'test/types/**/*.test.ts'],
          // Some start programs, on a machine that may be busy.
          testTimeout: 30_000,
          ...whole,
          // Modules are loaded once for all files of a worker: none keeps what another could trip over.
          isolate: false,
          maxWorkers: 2,
          typecheck: {
            enabled: true,
            include: ['test/types/**/*.test-d.ts'],
            tsconfig: 'tsconfig.types.json',
            ignoreSourceErrors: true,
          },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          ...containers,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          ...containers,
          testTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          ...containers,
          testTimeout: 1_800_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
