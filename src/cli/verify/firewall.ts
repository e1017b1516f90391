import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import pLimit from 'p-limit';
import { type Policy, policyOf } from '../../../roles/firewall/policy.ts';
import { judge, type Notes, parseNotes, type SentProbe, type Verdict } from '../../../roles/firewall/verify/judge.ts';
import { areNeighbours, type Probe, probesOf } from '../../../roles/firewall/verify/probes.ts';
import { formatAddress, parseAddress } from '../../model/ip-address.ts';
import { selectHosts } from '../../model/select-hosts.ts';
import type { Inventory } from '../../model/types.ts';
import type { Session } from '../../remote/session.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { verdictLines, verdictRecord } from '../../report/verdict-table.ts';
import { type ExitCode, exitCodes, formatError, LabError } from '../../shared/errors.ts';
import { readRoleFile } from '../../shared/own-package.ts';
import { quoteAll } from '../../shared/quote.ts';
import { type HostOutcome, inventoryOf, onHosts } from '../open-hosts.ts';
import type { VerifyOptions } from '../verify.ts';

/** Seconds after which a host takes its notes away by itself: nobody may come for them. */
const notesSeconds = 600;
/** Of one command on a host: forty probes at a time, a second for those that nobody answers. */
const sendSeconds = 300;
const probesAtOnce = 200;

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
  const armed = await onHosts([watched], options, (session) =>
    asked(session, 'arm', [String(notesSeconds)], armedOnly),
  );
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
  const notes = await onHosts([watched], options, async (session) => {
    const text = await asked(session, 'seen', []);
    await asked(session, 'disarm', []);
    return parseNotes(text);
  });
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
  const errors = [...armed, ...sent, ...notes].flatMap(({ error }) => error ?? []);
  const exitCode = exitCodeOf(verdicts, errors.length > 0);
  if (options.output === 'json') {
    const asked = outcomesByHost(armed, sent, notes);
    process.stdout.write(
      `${jsonLine({ version: 1, checkedAt, exitCode, hosts: asked, ...verdictRecord(verdicts) })}\n`,
    );
  } else process.stdout.write(`${verdictLines(verdicts).join('\n')}\n`);
  for (const error of errors) process.stderr.write(`${formatError(error)}\n`);
  return exitCode;
}

/** @throws LabError READ_FAILED when the answer is not what it should be */
async function asked(
  session: Session,
  command: string,
  words: readonly string[],
  refuse: (output: string) => LabError | undefined = () => undefined,
): Promise<string> {
  const argv = ['sh', '-c', readRoleFile('firewall/verify/observe.sh'), 'lab-verify', command, ...words];
  const frames = await session.request(`lab_run verify ${sendSeconds} ${quoteAll(argv)} 2>&1`);
  const { body, status } = frames.get('verify') ?? { body: Buffer.alloc(0), status: -1 };
  const output = body.toString();
  const problem =
    status === 0
      ? refuse(output)
      : new LabError('READ_FAILED', `"${command}" failed with exit code ${status}`, { output });
  if (problem !== undefined) throw problem;
  return output;
}

function armedOnly(output: string): LabError | undefined {
  if (output.includes('armed')) return undefined;
  return new LabError('READ_FAILED', 'what comes to this host cannot be noted', {
    expected: 'nft(8) on the host',
    found: output.trim(),
    hint: 'install nftables there, or run the playbook with the role firewall',
  });
}

async function sendFrom(
  session: Session,
  probes: readonly Probe[],
  name: string,
  inventory: Inventory,
): Promise<SentProbe[]> {
  const destinations = [...new Set(probes.map(({ destination }) => destination))];
  const sources = new Map(
    (await asked(session, 'source', destinations)).split('\n').flatMap((line): [string, string][] => {
      const [word, destination, source] = line.split(' ');
      return word === 'source' && destination !== undefined && source !== undefined ? [[destination, source]] : [];
    }),
  );
  const routed = probes.filter(({ destination }) => sources.has(destination));
  for (let at = 0; at < routed.length; at += probesAtOnce)
    await asked(
      session,
      'send',
      routed
        .slice(at, at + probesAtOnce)
        .map(({ destination, protocol, port }) => `${protocol},${destination},${port}`),
      sentOnly,
    );
  return routed.map((probe): SentProbe => {
    const source = sources.get(probe.destination) as string;
    return { ...probe, from: name, source: areNeighbours(source, probe.destination, inventory) ? source : null };
  });
}

function sentOnly(output: string): LabError | undefined {
  if (output.includes('sent')) return undefined;
  return new LabError('READ_FAILED', 'this host cannot send what is to be tried', {
    expected: 'bash, or nc',
    found: output.trim(),
    hint: 'install one of them there',
  });
}

/** From this machine: whatever lies in between, a host sees it come from where the login comes from. */
async function sendFromHere(probes: readonly Probe[]): Promise<void> {
  const limit = pLimit(100);
  await Promise.all(probes.map((probe) => limit(() => begin(probe))));
}

function begin({ destination, protocol, port }: Probe): Promise<void> {
  return new Promise((resolve) => {
    if (protocol === 'tcp') {
      const socket = connect({ host: destination, port, timeout: 1000 });
      const over = () => void socket.destroy();
      socket
        .on('connect', over)
        .on('timeout', over)
        .on('error', () => {})
        .on('close', () => resolve());
      return;
    }
    const socket = createSocket(destination.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => {});
    socket.send('x', port, destination, () => socket.close(() => resolve()));
  });
}

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
      source: isDirect && canonical(login.to) === canonical(probe.destination) ? login.from : null,
    }));
}

function judged(
  host: string,
  policy: Policy,
  inventory: Inventory,
  probes: readonly SentProbe[],
  notes: Notes,
): Verdict {
  const sent = probes.map((probe) => ({ ...probe, destination: canonical(probe.destination) }));
  return judge(host, policy, sent, notes, nameIn(inventory));
}

/** Whose an address is; of strangers the address itself. */
function nameIn({ hosts, devices }: Inventory): (address: string) => string {
  const names = new Map(
    [...hosts.values(), ...devices.values()].flatMap(({ name, addresses }) =>
      [...addresses.values()].flat().map((address): [string, string] => [canonical(address), name]),
    ),
  );
  return (address) => names.get(canonical(address)) ?? address;
}

function canonical(address: string): string {
  const parsed = parseAddress(address);
  return parsed === undefined ? address : formatAddress(parsed);
}

function exitCodeOf(verdicts: readonly Verdict[], someUnasked: boolean): ExitCode {
  if (verdicts.some(({ findings }) => findings.length > 0)) return exitCodes.hostFailed;
  return someUnasked ? exitCodes.hostUnreachable : exitCodes.asDeclared;
}

function outcomesByHost(...rounds: readonly (readonly HostOutcome<unknown>[])[]) {
  const errors = new Map<string, LabError | null>();
  for (const { host, error } of rounds.flat()) errors.set(host.name, errors.get(host.name) ?? error ?? null);
  return [...errors].map(([host, error]) => ({
    host,
    error: error === null ? null : { code: error.code, message: error.message },
  }));
}
