import { createHash, createHmac, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { LabError } from '../../shared/errors.ts';
import { problemsOf } from '../../shared/schema-problems.ts';
import { reveal, Secret } from '../../shared/secret.ts';
import type { Planned } from './plan-host.ts';

const digests = z.record(z.string(), z.string());
const schema = z.strictObject({
  kind: z.literal('labwright-plan'),
  version: z.literal(1),
  madeAt: z.string(),
  playbook: z.string(),
  select: z.strictObject({
    limit: z.array(z.string()),
    tags: z.array(z.string()),
    skipTags: z.array(z.string()),
    startAt: z.string().optional(),
  }),
  /** Key of the digests: without it nobody can try out what a secret may have been. */
  salt: z.string(),
  hosts: z.record(z.string(), z.strictObject({ facts: digests, resources: digests, summary: z.array(z.string()) })),
});

/**
 * A plan as a file: fingerprints of everything that was read and of every change that was planned, no contents and no
 * secret. `lab apply` plans again from the same playbook and applies only when both are the same.
 */
export type SavedPlan = z.output<typeof schema>;
export type SavedHostPlan = SavedPlan['hosts'][string];

export function newSalt(): string {
  return randomBytes(32).toString('hex');
}

/** @param facts everything that was read of the host, by kind and key */
export function fingerprint(
  salt: string,
  planned: readonly Planned[],
  facts: ReadonlyMap<string, unknown>,
): SavedHostPlan {
  return {
    facts: Object.fromEntries([...facts].map(([key, value]) => [key, digest(salt, value)])),
    resources: Object.fromEntries(
      planned.map(({ key, outcome, changes }) => [
        key,
        digest(salt, [outcome, changes.map(({ apply, revert }) => [apply, revert])]),
      ]),
    ),
    summary: planned.filter(({ outcome }) => outcome !== 'in-sync').map(({ outcome, title }) => `${outcome}: ${title}`),
  };
}

/** What is not as it was when the plan was saved, in words; empty when all is the same. */
export function drift(saved: SavedHostPlan, now: SavedHostPlan): string[] {
  const onHost = differences(saved.facts, now.facts).map((key) => `${key} on the host`);
  // A host that differs gives another plan by itself: the playbook is to blame only when it is as it was.
  return onHost.length > 0
    ? onHost
    : differences(saved.resources, now.resources).map((key) => `${key} as the playbook declares it`);
}

function differences(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => a[key] !== b[key]);
}

function digest(salt: string, value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (isLocalFile(part)) return sha256OfFile(part.localFile);
    if (part instanceof Uint8Array) return Buffer.from(part).toString('base64');
    return part === undefined ? null : part;
  });
  const hmac = createHmac('sha256', salt).update(text);
  for (const secret of secretsOf(value)) hmac.update(`\0${reveal(secret)}`);
  return hmac.digest('hex').slice(0, 32);
}

function isLocalFile(part: unknown): part is { readonly localFile: string } {
  return part !== null && typeof part === 'object' && 'localFile' in part && typeof part.localFile === 'string';
}

/** The file's content is what is planned, not its name; read in pieces, as it may be of any size. */
function sha256OfFile(file: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(1024 * 1024);
  const descriptor = openSync(file, 'r');
  try {
    for (let length = readSync(descriptor, piece); length > 0; length = readSync(descriptor, piece)) {
      hash.update(piece.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
  return hash.digest('hex');
}

function secretsOf(value: unknown): Secret[] {
  if (value instanceof Secret) return [value];
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return [];
  return Object.values(value).flatMap(secretsOf);
}

export function writePlan(file: string, plan: SavedPlan): void {
  writeFileSync(file, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600 });
}

/** @throws LabError PLAN_FILE */
export function readPlan(file: string): SavedPlan {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new LabError('PLAN_FILE', `${file} cannot be read as a plan: ${(cause as Error).message}`, {
      at: { file },
      expected: 'a file that "lab plan -o FILE" wrote',
      cause,
    });
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const [first] = problemsOf(parsed.error, document);
  throw new LabError('PLAN_FILE', `${file} is no plan of this version: ${first?.message}`, {
    at: { file },
    ...first?.details,
    hint: 'make it again with "lab plan -o FILE"',
  });
}
