import { publicAddressesOf } from '../../../../roles/dns/public/records.ts';
import type { SecretsOfHome } from '../../../../roles/vps-gateway/exposure/secrets-of-home.ts';
import type { Inventory } from '../../../model/types.ts';
import type { ExposureRecord } from '../../../report/exposure-table.ts';
import type { Unlooked } from '../../../report/verify/verification.ts';
import { LabError } from '../../../shared/errors.ts';

/** What could not be looked at, which is then not proven. */
export function unlookedAt(
  { records, from, lines }: Pick<ExposureRecord, 'records' | 'from' | 'lines'>,
  secrets: SecretsOfHome,
  inventory: Inventory,
): readonly Unlooked[] {
  const { unanswered } = records;
  const problems: Unlooked[] = [];
  const isHomeThere = [...inventory.hosts.values()].some((host) => publicAddressesOf(host, inventory).length === 0);
  if (unanswered.length > 0)
    problems.push({
      host: null,
      error: new LabError('READ_FAILED', 'nobody answered what the public DNS was asked', {
        expected: 'answers of the servers in charge, or of a resolver outside',
        found: `none for ${unanswered.slice(0, 5).join(', ')}${unanswered.length > 5 ? ` and ${unanswered.length - 5} more` : ''}`,
        hint: '--resolver ADDRESS asks one resolver for everything',
      }),
    });
  if (isHomeThere && secrets.home.length === 0)
    problems.push({
      host: null,
      error: new LabError('READ_FAILED', "the home's address is not known", {
        expected: 'a tunnel whose gateway sees from where the home dials, or --home',
        found: 'neither',
        hint: '--home ADDRESS[,ADDRESS…], with IPv6 addresses or prefixes as well',
      }),
    });
  const untried = secrets.lines.filter((address) => !lines.includes(address));
  if (untried.length > 0)
    problems.push({
      host: null,
      error: new LabError('READ_FAILED', "the home's line was not looked at from outside", {
        expected:
          from === null
            ? 'a machine outside: this one is at home, and no public host could be asked'
            : `a machine outside with addresses of that family: ${from} has none`,
        found: `nothing tried ${untried.join(', ')}`,
        hint: '--from HOST names a host of the inventory that is outside',
      }),
    });
  return problems;
}
