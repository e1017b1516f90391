import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { LabError } from '../../../src/shared/errors.ts';

// Whoever runs the tests keeps their own cache.
process.env.XDG_CACHE_HOME = join(tmpdir(), `lab-test-cache-${process.getuid?.()}`);

/** A repository of a user, in a folder outside the checkout; removed when the test is over. */
export function project(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'lab-playbook-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** The LabError that a call is expected to end with. */
export async function labErrorOf(call: () => unknown): Promise<LabError> {
  try {
    await call();
  } catch (thrown) {
    if (thrown instanceof LabError) return thrown;
    throw thrown;
  }
  throw new Error('expected a LabError, and nothing was thrown');
}

/** An inventory module that the playbooks of these tests use. */
export const inventoryModule = `import { defineInventory } from 'labwright';
export default defineInventory({
  groups: { home: {}, gateway: {} },
  hosts: {
    vps: { groups: ['gateway'], address: '10.0.0.1' },
    nas: { groups: ['home'], address: '10.0.0.2' },
  },
});
`;
