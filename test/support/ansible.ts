import { tryCommand } from '../../src/sandbox/docker.ts';
import { testImage } from './images.ts';

/** What Ansible's own parser makes of an inventory in INI. */
export interface ParsedIni {
  readonly hosts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly groups: Readonly<
    Record<
      string,
      { readonly hosts: string[]; readonly children: string[]; readonly vars: Readonly<Record<string, unknown>> }
    >
  >;
}

const parser = `
import json, math, sys
from ansible.inventory.data import InventoryData
from ansible.plugins.inventory.ini import InventoryModule

def plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (int, list, tuple, set, dict)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value]

def parsed(text):
    plugin = InventoryModule()
    plugin.inventory = InventoryData()
    plugin._filename = "hosts"
    plugin._parse("hosts", text.splitlines())
    data = plugin.inventory
    own = lambda entity: {k: plain(v) for k, v in entity.vars.items() if k not in ("inventory_file", "inventory_dir")}
    return {
        "hosts": {h.name: own(h) for h in data.hosts.values()},
        "groups": {
            g.name: {"hosts": [h.name for h in g.hosts], "children": sorted(c.name for c in g.child_groups), "vars": own(g)}
            for g in data.groups.values()
        },
    }

for text in json.load(sys.stdin):
    try:
        print(json.dumps(parsed(text)))
    except Exception as error:
        print(json.dumps({"error": str(error)}))
`;

/** Every text read by Ansible itself; what it refuses is its message. */
export async function parseIniByAnsible(texts: readonly string[]): Promise<(ParsedIni | { error: string })[]> {
  const output = await inContainer(['python3', '-c', parser], JSON.stringify(texts));
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ParsedIni | { error: string });
}

/** What commands print in the folder, each one JSON document; in one container, where /tmp can be written to. */
export async function listByAnsible(folder: string, commands: readonly string[]): Promise<Record<string, unknown>[]> {
  const script = commands.map((command) => `{ ${command}; } | tr -d '\\n'; echo`).join('\n');
  const output = await inContainer(['sh', '-ec', script], '', folder);
  const lines = output.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function inContainer(argv: readonly string[], input: string, folder?: string): Promise<string> {
  const mount = folder === undefined ? [] : [`--volume=${folder}:/inventory:ro`, '--workdir=/inventory'];
  const image = await testImage('debian', ['ansible-core']);
  const locale = ['--env=LC_ALL=C.UTF-8', '--env=ANSIBLE_LOCALHOST_WARNING=false'];
  const docker = ['docker', 'run', '--rm', '--interactive', '--network=none', ...locale, ...mount, image, ...argv];
  const { exitCode, stdout, stderr } = await tryCommand(docker, input);
  if (exitCode !== 0) throw new Error(`${argv[0]}: exit code ${exitCode}\n${stderr}`);
  return stdout;
}
