import type { Risk } from '../../roles/containers/risks.ts';
import { tableLines } from './table.ts';
import type { Problem, UnlookedRecord } from './verify/verification.ts';
import { visibleLine } from './visible.ts';

/** The running containers of a host. */
export interface ContainersOfHost {
  readonly host: string;
  readonly running: number;
  readonly engines: readonly string[];
  readonly risks: readonly (Risk & { readonly accepted: boolean })[];
}

/** As in `lab verify containers --output json`: part of the interface, see docs/cli.md. */
export interface ContainerRecord {
  readonly hosts: readonly ContainersOfHost[];
  readonly errors: readonly UnlookedRecord[];
}

/** What containers have that they should not. */
export function containerProblems(found: readonly ContainersOfHost[]): Problem[] {
  return found.flatMap(({ host, risks }) =>
    risks
      .filter(({ accepted }) => !accepted)
      .map(({ container, kind, detail }) => ({
        text: `${kind}: ${container} on ${host} ${detail}`,
        hint: null,
        hosts: [host],
      })),
  );
}

/** `1 (2 accepted)` */
export function riskCount({ risks }: ContainersOfHost): string {
  const accepted = risks.filter((risk) => risk.accepted).length;
  return `${risks.length - accepted}${accepted === 0 ? '' : ` (${accepted} accepted)`}`;
}

/** A line for each host, and one for each thing that a container should not have. */
export function containerLines(found: readonly ContainersOfHost[]): string[] {
  const table = tableLines(
    ['HOST', 'ENGINE', 'RUNNING', 'RISKS'],
    found.map((one) => [one.host, one.engines.join(', ') || 'none', String(one.running), riskCount(one)]),
  );
  const told = containerProblems(found).map(({ text }) => visibleLine(text));
  return [...table, '', ...(told.length === 0 ? ['no container has more than it should'] : told)];
}
