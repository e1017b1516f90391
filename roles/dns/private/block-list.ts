import { type Inventory, LabError } from '../../../src/index.ts';
import { parseAddress } from '../../../src/model/ip-address.ts';
import { readProjectFile } from '../../../src/model/project-file.ts';
import { isDnsName, isWithin } from './dns-name.ts';
import type { PrivateParams } from './params.ts';

/** In every list in the form of hosts(5). */
const notBlocked = new Set([
  'localhost',
  'localhost.localdomain',
  'local',
  'broadcasthost',
  'ip6-localhost',
  'ip6-loopback',
]);

/**
 * Names that do not exist, from the inventory and from lists of the project; sorted, and without those that a name above them
 * blocks already. A name that is answered here is not blocked by a list of strangers.
 *
 * @param own names that are answered here
 * @throws LabError PLAN_IMPOSSIBLE for a list that cannot be read, or a name of the inventory that is answered here
 */
export function blockedNames(inventory: Inventory, params: PrivateParams, own: ReadonlySet<string>): readonly string[] {
  const holdsOwn = (name: string) => [params.domain, ...own].some((one) => isWithin(one, name));
  const wrong = params.blocked.find(holdsOwn);
  if (wrong !== undefined)
    throw new LabError('PLAN_IMPOSSIBLE', `"${wrong}" is blocked, and answered here`, {
      at: inventory.source,
      path: ['params', 'dns', 'blocked'],
      expected: 'names that are not our own',
      found: wrong,
    });
  const listed = params.blockLists.flatMap((file) => namesIn(readProjectFile(file, inventory, ofList), file));
  const strangers = own.size > 0 ? listed.filter((name) => !own.has(name) && !holdsOwn(name)) : listed;
  return withoutCovered([...params.blocked, ...strangers]);
}

const ofList = { what: 'a list of blocked names', path: ['params', 'dns', 'blockLists'] };

/** One name a line, or an address and names as in hosts(5); `#` begins a comment. */
export function namesIn(text: string, file: string): readonly string[] {
  return text.split('\n').flatMap((line, index) => {
    const [first, ...rest] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (first === undefined || first === '') return [];
    const names = (parseAddress(first) === undefined ? [first, ...rest] : rest).map((name) =>
      name.toLowerCase().replace(/\.$/, ''),
    );
    // Some lists name addresses after an address.
    const bad = names.find((name) => !isDnsName(name) && parseAddress(name) === undefined);
    if (bad !== undefined)
      throw new LabError('PLAN_IMPOSSIBLE', 'a list of blocked names holds something else', {
        at: { file, line: index + 1 },
        expected: 'a DNS name, or an address and names as in hosts(5)',
        found: JSON.stringify(line.trim().slice(0, 100)),
      });
    return names.filter((name) => name.includes('.') && isDnsName(name) && !notBlocked.has(name));
  });
}

function withoutCovered(names: readonly string[]): readonly string[] {
  const all = new Set(names);
  const above = (name: string) => {
    for (let at = name.indexOf('.'); at !== -1; at = name.indexOf('.', at + 1))
      if (all.has(name.slice(at + 1))) return true;
    return false;
  };
  return [...all].filter((name) => !above(name)).sort();
}
