import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const define = fileURLToPath(new URL('../../../src/model/define-inventory.ts', import.meta.url));
const file = fileURLToPath(new URL('./completed.ts', import.meta.url));

/** Shared, so that the libraries are parsed once. */
const registry = ts.createDocumentRegistry();

/** Asks the language service, as an editor does, what it offers where `▮` stands. */
function completionsAt(source: string): string[] {
  const text = `import { defineInventory } from '${define}';\ndefineInventory({\n${source}\n});\n`;
  const position = text.indexOf('▮');
  const content = text.replace('▮', '');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    allowImportingTsExtensions: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
  };
  const read = (path: string): string | undefined => (path === file ? content : ts.sys.readFile(path));
  const service = ts.createLanguageService(
    {
      getCompilationSettings: () => options,
      getScriptFileNames: () => [file],
      getScriptVersion: (path) => (path === file ? content : '1'),
      getScriptSnapshot: (path) => {
        const snapshot = read(path);
        return snapshot === undefined ? undefined : ts.ScriptSnapshot.fromString(snapshot);
      },
      getCurrentDirectory: () => process.cwd(),
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      fileExists: (path) => path === file || ts.sys.fileExists(path),
      readFile: read,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
    },
    registry,
  );
  const entries = service.getCompletionsAtPosition(file, position, {})?.entries ?? [];
  return entries.map(({ name }) => name).sort();
}

const sections = `
  networks: { home: { prefixes: '10.0.0.0/24' } },
  groups: { storage: {}, cluster: {} },
  services: { photos: { host: 'nas', port: 1 } },
  devices: { phone: {} },`;

describe('an editor completes', { timeout: 60_000 }, () => {
  test('names of groups', () => {
    expect(completionsAt(`${sections} hosts: { nas: { address: 'nas', groups: ['▮'] } },`)).toEqual([
      'cluster',
      'storage',
    ]);
  });

  test('names of hosts, whose section may come later', () => {
    const source = sections.replace("host: 'nas'", "host: '▮'");
    expect(completionsAt(`${source} hosts: { nas: { address: 'nas' }, vps: { address: 'vps' } },`)).toEqual([
      'nas',
      'vps',
    ]);
  });

  test('names of networks', () => {
    expect(completionsAt(`${sections} hosts: { nas: { addresses: { ▮ } } },`)).toContain('home');
  });

  test('both ends of a flow', () => {
    const names = completionsAt(
      `${sections} hosts: { nas: { address: 'nas' } }, flows: [{ from: '▮', to: 'photos', reason: 'x' }],`,
    );
    expect(names).toEqual(['all', 'cluster', 'home', 'internet', 'nas', 'phone', 'photos', 'storage']);
  });
});
