import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Policy, policyOf } from '../../../roles/firewall/policy.ts';
import { judge, type Notes, type SentProbe, type Verdict } from '../../../roles/firewall/verify/judge.ts';
import { type Probe, probesOf } from '../../../roles/firewall/verify/probes.ts';
import { canonicalAddress } from '../../model/ip-address.ts';
import { selectHosts } from '../../model/select-hosts.ts';
import type { Inventory } from '../../model/types.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { isUntried, verdictLines, verdictRecord } from '../../report/verdict-table.ts';
import { type ExitCode, exitCodes, LabError } from '../../shared/errors.ts';
import { type HostOutcome, inventoryOf, onHosts } from '../open-hosts.ts';
import { printError } from '../print-error.ts';
import type { VerifyOptions } from '../verify.ts';
import { arm, notesOf, sendFrom } from './observer.ts';
import { sendFromHere } from './send-from-here.ts';

/** `lab verify firewall` */
export async function verifyFirewall(options: VerifyOptions): Promise<ExitCode> {
  const { inventory } = await inventoryOf(options.inventory);
  const policy = policyOf(inventory);
  const targets = selectHosts(inventory, options.limit.length > 0 ? options.limit : ['all']);
  if (targets.length === 0)
    throw new LabError('HOST_PATTERN', 'no host is left to try', { found: options.limit.join(',') });
  const checkedAt = new Date().toISOString();
  const everybody = ['all'];
  const watched = targets.map(({ name }) => name).join(',');
  const armed = await onHosts([watched], options, arm);
  const ready = new Set(armed.flatMap(({ host, error }) => (error === undefined ? [host.name] : [])));
  const probes = targets
    .filter(({ name }) => ready.has(name))
    .flatMap((host) => probesOf(host, policy, options.ports ?? []));
  const here = hostname();
  const [sent] = await Promise.all([
    onHosts(everybody, options, (session, { name }) =>
      sendFrom(
        session,
        probes.filter(({ host }) => host !== name),
        name,
        inventory,
      ),
    ),
    sendFromHere(probes),
  ]);
  // What was sent last may still be on its way.
  await pause(500);
  const notes = await onHosts([watched], options, notesOf);
  const all = sent.flatMap(({ value }) => value ?? []);
  const verdicts = notes.flatMap(({ host: { name }, value }) =>
    value === undefined || !ready.has(name)
      ? []
      : [
          judged(
            name,
            policy,
            inventory,
            [...all.filter(({ host }) => host === name), ...fromHere(here, probes, name, value, inventory)],
            value,
          ),
        ],
  );
  const errors = errorsByHost(armed, sent, notes);
  const exitCode = exitCodeOf(verdicts, errors.size > 0 || verdicts.some(isUntried));
  if (options.output === 'json') {
    const hosts = targets.map(({ name }) => {
      const error = errors.get(name);
      return { host: name, error: error === undefined ? null : { code: error.code, message: error.message } };
    });
    process.stdout.write(`${jsonLine({ version: 1, checkedAt, exitCode, hosts, ...verdictRecord(verdicts) })}\n`);
  } else process.stdout.write(`${verdictLines(verdicts).join('\n')}\n`);
  for (const error of errors.values()) printError(error);
  return exitCode;
}

/** Whatever lies in between: where this login came to, a host sees this machine as it saw the login. */
function fromHere(
  here: string,
  probes: readonly Probe[],
  host: string,
  { login }: Notes,
  inventory: Inventory,
): SentProbe[] {
  const isDirect = login !== null && nameIn(inventory)(login.from) === login.from;
  return probes
    .filter((probe) => probe.host === host)
    .map((probe) => ({
      ...probe,
      from: here,
      source: isDirect && canonicalAddress(login.to) === canonicalAddress(probe.destination) ? login.from : null,
    }));
}

function judged(
  host: string,
  policy: Policy,
  inventory: Inventory,
  probes: readonly SentProbe[],
  notes: Notes,
): Verdict {
  const sent = probes.map((probe) => ({ ...probe, destination: canonicalAddress(probe.destination) }));
  return judge(host, policy, sent, notes, nameIn(inventory));
}

/** Whose an address is; of strangers the address itself. */
function nameIn({ hosts, devices }: Inventory): (address: string) => string {
  const names = new Map(
    [...hosts.values(), ...devices.values()].flatMap(({ name, addresses }) =>
      [...addresses.values()].flat().map((address): [string, string] => [canonicalAddress(address), name]),
    ),
  );
  return (address) => names.get(canonicalAddress(address)) ?? address;
}

function exitCodeOf(verdicts: readonly Verdict[], someUnasked: boolean): ExitCode {
  if (verdicts.some(({ findings }) => findings.length > 0)) return exitCodes.hostFailed;
  return someUnasked ? exitCodes.hostUnreachable : exitCodes.asDeclared;
}

/** The first of each host. */
function errorsByHost(...rounds: readonly (readonly HostOutcome<unknown>[])[]): ReadonlyMap<string, LabError> {
  const errors = new Map<string, LabError>();
  for (const { host, error } of rounds.flat())
    if (error !== undefined && !errors.has(host.name)) errors.set(host.name, error);
  return errors;
}
