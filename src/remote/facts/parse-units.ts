import type { Frame } from '../frames.ts';
import type { UnitFact } from './contract.ts';

/** Reads what `lab_read_units` answered: blocks of `Key=value`, one a unit, in the order asked. */
export function parseUnits(names: readonly string[], frame: Frame | undefined): Map<string, UnitFact> | undefined {
  const blocks = (frame?.body.toString() ?? '').trim().split(/\n\n+/);
  if (frame === undefined || frame.status !== 0 || blocks.length !== names.length) return undefined;
  return new Map(
    names.map((name, index) => {
      const pairs = new Map((blocks[index] ?? '').split('\n').map((line) => line.split('=', 2) as [string, string]));
      const load = pairs.get('LoadState') ?? '';
      const fact: UnitFact = {
        name,
        load: load === 'loaded' || load === 'not-found' || load === 'masked' || load === 'error' ? load : 'other',
        enablement: pairs.get('UnitFileState') ?? '',
        active: pairs.get('ActiveState') ?? '',
        needsReload: pairs.get('NeedDaemonReload') === 'yes',
      };
      return [name, fact];
    }),
  );
}
