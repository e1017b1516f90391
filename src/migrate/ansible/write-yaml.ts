import { Document, type Node, Scalar, visit } from 'yaml';
import { SecretReference } from '../../model/yaml-document.ts';
import { yamlText } from '../../shared/yaml-text.ts';
import type { Writable } from './write-typescript.ts';

const schema = '# yaml-language-server: $schema=../node_modules/labwright/schema/inventory.v1.json';

/**
 * An inventory in YAML. Words that YAML 1.1 reads as something else are in quotes.
 *
 * @param comment one line without line ends
 */
export function writeYaml(document: { readonly [key: string]: Writable | undefined }, comment: string): string {
  const yaml = new Document(withSecrets(document), {
    version: '1.2',
    compat: 'yaml-1.1',
    aliasDuplicateObjects: false,
  });
  visit(yaml, {
    // Lists of a word or two read better in one line.
    Seq: (_, node) => {
      if (node.items.every((item) => (item as Node) instanceof Scalar)) node.flow = true;
    },
  });
  return `${schema}\n# ${comment}\n${yamlText(yaml)}`;
}

function withSecrets(value: Writable | undefined): unknown {
  if (value instanceof SecretReference) {
    const node = new Scalar(value.path);
    node.tag = '!secret';
    return node;
  }
  if (Array.isArray(value)) return value.map(withSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, withSecrets(item)]])),
  );
}
