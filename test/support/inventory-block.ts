import ts from 'typescript';

/** What a fragment of an inventory may speak of without declaring it. */
const homelab: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  networks: {
    public: "{ prefixes: '203.0.113.0/24', public: true }",
    home: "{ prefixes: '192.168.1.0/24' }",
    vpn: "{ prefixes: '10.80.0.0/24', tunnel: true }",
  },
  groups: { storage: '{}' },
  hosts: { vps: '{}', nas: '{}', node1: '{}' },
  devices: { phone: '{}' },
  services: { files: "{ host: 'nas', port: 445 }", db: "{ host: 'nas', port: 5432 }" },
};

/** A whole inventory with the sections that a block shows, and what they speak of. The block's lines stay where they are. */
export function asInventory(block: string): string {
  const front = 'defineInventory({\n';
  const source = ts.createSourceFile('block.ts', `(${front}${block}\n}))`, ts.ScriptTarget.Latest);
  const shown = sectionsOf(source);
  // From the last to the first, as each insertion moves what comes after it.
  const completed = [...shown].reverse().reduce((text, [name, section]) => {
    const missing = entriesOf(name, new Set(namesOf(section)));
    const end = section.properties.end;
    const comma = section.properties.length === 0 || section.properties.hasTrailingComma ? '' : ',';
    return `${text.slice(0, end)}${comma} ${missing}${text.slice(end)}`;
  }, source.text);
  const others = Object.keys(homelab).filter((name) => !shown.has(name));
  const behind = others.map((name) => `${name}: { ${entriesOf(name, new Set())} },\n`).join('');
  return `${completed.slice(1, -3)}${behind}});`;
}

function sectionsOf(source: ts.SourceFile): Map<string, ts.ObjectLiteralExpression> {
  const sections = new Map<string, ts.ObjectLiteralExpression>();
  const whole = outermostObject(source);
  for (const property of whole?.properties ?? []) {
    const name = property.name?.getText(source) ?? '';
    if (ts.isPropertyAssignment(property) && ts.isObjectLiteralExpression(property.initializer) && name in homelab)
      sections.set(name, property.initializer);
  }
  return sections;
}

function outermostObject(node: ts.Node): ts.ObjectLiteralExpression | undefined {
  return ts.isObjectLiteralExpression(node) ? node : ts.forEachChild(node, outermostObject);
}

const namesOf = (section: ts.ObjectLiteralExpression): string[] =>
  section.properties.map(({ name }) => (name !== undefined && ts.isIdentifier(name) ? name.text : ''));

const entriesOf = (section: string, present: ReadonlySet<string>): string =>
  Object.entries(homelab[section] ?? {})
    .filter(([name]) => !present.has(name))
    .map(([name, value]) => `${name}: ${value},`)
    .join(' ');
