import { asUserCodeError } from '../../playbook/module-error.ts';
import {
  type Findings,
  type Section,
  sectionOf,
  skippedSection,
  unrunSection,
  type VerificationName,
} from '../../report/verify/report.ts';
import type { Verification } from '../../report/verify/verification.ts';
import { asLabError, LabError } from '../../shared/errors.ts';
import type { KeptHosts } from '../kept-hosts.ts';
import { hasLinks, wireguardStatus } from '../status/wireguard.ts';
import type { VerifyOptions } from '../verify.ts';
import { verifyContainers } from './containers.ts';
import { hasNames, verifyDns } from './dns.ts';
import { verifyDrift } from './drift.ts';
import { canBeExposed, verifyExposure } from './exposure.ts';
import { verifyFirewall } from './firewall.ts';

/** Each verification; one that cannot run tells so in its section and stops no other. */
export type Lookers = { readonly [Name in VerificationName]: () => Promise<Section<Findings[Name]>> };

/** A verification, and why there is nothing to do for it here. */
interface Candidate<Found> {
  readonly skip: string | null;
  verify(): Promise<Verification<Found>>;
}

/**
 * Which of them there is something to verify for.
 *
 * @param errors gets what could not be looked at
 * @throws LabError USAGE when nothing is left; mistakes of the inventory
 */
export function lookersFor(
  hosts: KeptHosts,
  options: VerifyOptions,
  playbook: string | undefined,
  errors: LabError[],
): Lookers {
  const candidates = candidatesFor(hosts, options, playbook);
  const left = Object.entries(candidates).filter(([name, { skip }]) => skip === null && !options.skip?.includes(name));
  if (left.length === 0)
    throw new LabError('USAGE', 'nothing is left to verify', {
      expected: 'one verification at least',
      found: Object.entries(candidates)
        .map(([name, { skip }]) => `${name}: ${skip ?? 'left out by --skip'}`)
        .join('; '),
    });
  const look =
    <Name extends VerificationName>(name: Name) =>
    async (): Promise<Section<Findings[Name]>> => {
      const { skip, verify } = candidates[name] as Candidate<Findings[Name]>;
      if (options.skip?.includes(name)) return skippedSection('left out by --skip');
      if (skip !== null) return skippedSection(skip);
      try {
        const verification = await verify();
        errors.push(...verification.unlooked.map(({ error }) => error));
        return sectionOf(verification);
      } catch (thrown) {
        const error = asUserCodeError(thrown) ?? asLabError(thrown);
        // Those that were selected, which are there, have nothing to do with it.
        if (error.code === 'HOST_PATTERN') return skippedSection(error.message);
        errors.push(error);
        return unrunSection(error);
      }
    };
  return {
    wireguard: look('wireguard'),
    firewall: look('firewall'),
    dns: look('dns'),
    exposure: look('exposure'),
    containers: look('containers'),
    drift: look('drift'),
  };
}

function candidatesFor(
  hosts: KeptHosts,
  options: VerifyOptions,
  playbook: string | undefined,
): { readonly [Name in VerificationName]: Candidate<Findings[Name]> } {
  const { inventory } = hosts;
  return {
    wireguard: {
      skip: hasLinks(hosts) ? null : 'no link of a tunnel is at these hosts',
      verify: () => wireguardStatus(hosts, { ...options, strict: options.maxAge !== undefined }),
    },
    firewall: {
      skip: inventory.flows.length > 0 ? null : 'the inventory has no flows',
      verify: () => verifyFirewall(hosts, options),
    },
    dns: {
      skip: hasNames(inventory) ? null : 'the inventory names no resolver, and no host publishes a zone',
      verify: () => verifyDns(hosts, options),
    },
    exposure: {
      skip: canBeExposed(inventory, options) ? null : 'no host is on a public network',
      verify: () => verifyExposure(hosts, options),
    },
    containers: { skip: null, verify: () => verifyContainers(hosts) },
    drift: {
      skip: playbook === undefined ? 'no playbook is named, and there is no site.ts: --playbook names one' : null,
      verify: () => verifyDrift(playbook ?? '', options),
    },
  };
}
