import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Policy, policyOf } from '../../../roles/firewall/policy.ts';
import { judge, type Notes, type SentProbe, type Verdict } from '../../../roles/firewall/verify/judge.ts';
import { type Probe, probesOf } from '../../../roles/firewall/verify/probes.ts';
import { canonicalAddress } from '../../model/ip-address.ts';
import type { Host, Inventory } from '../../model/types.ts';
import {
  type FirewallRecord,
  isUntried,
  untriedText,
  verdictLines,
  verdictProblems,
  verdictRecord,
  verdictSummary,
} from '../../report/verdict-table.ts';
import { exitCodeFor, type Verification } from '../../report/verify/verification.ts';
import type { LabError } from '../../shared/errors.ts';
import type { KeptHosts } from '../kept-hosts.ts';
import type { HostOutcome } from '../open-hosts.ts';
import type { VerifyOptions } from '../verify.ts';
import { arm, notesOf, sendFrom } from './observer.ts';
import { sendFromHere } from './send-from-here.ts';

/** `lab verify firewall` */
export async function verifyFirewall(
  hosts: KeptHosts,
  { ports = [] }: VerifyOptions,
): Promise<Verification<FirewallRecord>> {
  const { inventory, targets } = hosts;
  const policy = policyOf(inventory);
  const checkedAt = new Date().toISOString();
  const armed = await hosts.on(targets, arm);
  const ready = new Set(armed.flatMap(({ host, error }) => (error === undefined ? [host.name] : [])));
  const probes = targets.filter(({ name }) => ready.has(name)).flatMap((host) => probesOf(host, policy, ports));
  const here = hostname();
  const [sent] = await Promise.all([
    hosts.on([...inventory.hosts.values()], (session, { name }) =>
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
  const notes = await hosts.on(targets, notesOf);
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
  return verificationOf(checkedAt, targets, verdicts, errorsByHost(armed, sent, notes));
}

function verificationOf(
  checkedAt: string,
  targets: readonly Host[],
  verdicts: readonly Verdict[],
  errors: ReadonlyMap<string, LabError>,
): Verification<FirewallRecord> {
  const problems = verdictProblems(verdicts);
  const untried = verdicts.filter(isUntried);
  const hosts = targets.map(({ name }) => {
    const error = errors.get(name);
    return { host: name, error: error === undefined ? null : { code: error.code, message: error.message } };
  });
  return {
    checkedAt,
    exitCode: exitCodeFor(problems, [...errors.values(), ...untried]),
    summary: verdictSummary(verdicts),
    problems,
    unlooked: [...errors].map(([host, error]) => ({ host, error })),
    unproven: untried.map(({ host }) => ({ host, text: untriedText(host) })),
    hosts: verdicts.map(({ host }) => host),
    found: { hosts, ...verdictRecord(verdicts) },
    lines: verdictLines(verdicts),
  };
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

/** The first of each host. */
function errorsByHost(...rounds: readonly (readonly HostOutcome<unknown>[])[]): ReadonlyMap<string, LabError> {
  const errors = new Map<string, LabError>();
  for (const { host, error } of rounds.flat())
    if (error !== undefined && !errors.has(host.name)) errors.set(host.name, error);
  return errors;
}
