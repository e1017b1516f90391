import type { Frame } from '../frames.ts';
import type { PackageFact } from './contract.ts';

/** Reads what `lab_read_packages` answered; a name without an answer is not installed. */
export function parsePackages(names: readonly string[], frames: ReadonlyMap<string, Frame>): Map<string, PackageFact> {
  const found = new Map<string, PackageFact>();
  for (const [id, frame] of frames) {
    if (!id.startsWith('packages')) continue;
    const manager = id.split(' ')[1] ?? '';
    for (const line of frame.body.toString().split('\n')) {
      const fact = parseLine(manager, line);
      if (fact !== undefined)
        for (const name of fact.names) if (!found.get(name)?.installed) found.set(name, { ...fact.fact, name });
    }
  }
  return new Map(names.map((name) => [name, found.get(name) ?? notInstalled(name)]));
}

function notInstalled(name: string): PackageFact {
  return { name, installed: false, version: null, held: false, broken: false };
}

function parseLine(manager: string, line: string): { names: string[]; fact: Omit<PackageFact, 'name'> } | undefined {
  const fields = line.split(manager === 'pacman' ? ' ' : '\t');
  if (fields.length < 2) return undefined;
  const [name = '', second = ''] = fields;
  if (manager !== 'dpkg-query') {
    const version = manager === 'apk' && second.startsWith(`${name}-`) ? second.slice(name.length + 1) : second;
    return { names: [name], fact: { installed: true, version, held: false, broken: false } };
  }
  // dpkg-query(1), db:Status-Abbrev: wanted, status, error.
  const [, binary = '', version = '', status = ''] = fields;
  const current = status[1] ?? 'n';
  const broken = 'UFHWt'.includes(current);
  return {
    names: [name, binary],
    fact: { installed: current === 'i', version: current === 'i' ? version : null, held: status[0] === 'h', broken },
  };
}
