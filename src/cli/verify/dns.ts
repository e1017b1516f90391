import { resolversOf } from '../../../roles/dns/private/resolvers.ts';
import type { Inventory } from '../../model/types.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { type ExitCode, exitCodes, type LabError } from '../../shared/errors.ts';
import { inventoryOf } from '../open-hosts.ts';
import { printError } from '../print-error.ts';
import type { VerifyOptions } from '../verify.ts';
import { verifyPrivateNames } from './dns-private.ts';
import { publishedZones, verifyPublicNames } from './dns-public.ts';

/** What came of one half: names inside, or names outside. */
export interface DnsOutcome {
  /** Its part of the JSON. */
  readonly record: Readonly<Record<string, unknown>>;
  readonly lines: readonly string[];
  readonly findings: number;
  readonly errors: readonly { readonly host: string; readonly error: LabError }[];
}

type Half = (inventory: Inventory, options: VerifyOptions) => Promise<DnsOutcome>;

/** Name in the JSON → who looks. */
const halves: Readonly<Record<string, Half>> = { private: verifyInside, public: verifyPublicNames };

/** A homelab may publish names and have no resolver of its own. */
async function verifyInside(inventory: Inventory, options: VerifyOptions): Promise<DnsOutcome> {
  const isPublicAlone = resolversOf(inventory).length === 0 && publishedZones(inventory).length > 0;
  if (isPublicAlone) return { record: {}, lines: [], findings: 0, errors: [] };
  return await verifyPrivateNames(inventory, options);
}

/** `lab verify dns` */
export async function verifyDns(options: VerifyOptions): Promise<ExitCode> {
  const { inventory } = await inventoryOf(options.inventory);
  const checkedAt = new Date().toISOString();
  const record: Record<string, unknown> = {};
  const lines: string[] = [];
  const errors: DnsOutcome['errors'][number][] = [];
  let findings = 0;
  for (const [name, look] of Object.entries(halves)) {
    const outcome = await look(inventory, options);
    record[name] = outcome.record;
    lines.push(...outcome.lines);
    errors.push(...outcome.errors);
    findings += outcome.findings;
  }
  const unasked = errors.length > 0 ? exitCodes.hostUnreachable : exitCodes.asDeclared;
  const exitCode = findings > 0 ? exitCodes.hostFailed : unasked;
  if (options.output === 'json') {
    const failed = errors.map(({ host, error: { code, message } }) => ({ host, code, message }));
    process.stdout.write(`${jsonLine({ version: 1, checkedAt, exitCode, ...record, errors: failed })}\n`);
  } else
    process.stdout.write(
      `${[...lines, ...(findings === 0 && errors.length === 0 ? ['', 'as declared'] : [])].join('\n')}\n`,
    );
  for (const { error } of errors) printError(error);
  return exitCode;
}
