import { type Document, type ToStringOptions, visit } from 'yaml';
import { escapeUnseen, hasUnseen } from './typescript-string.ts';

/**
 * A new document as text. What a terminal or an editor would obey instead of showing it is written as an escape, as in
 * TypeScript. Lines are as long as they are.
 */
export function yamlText(document: Document, options: ToStringOptions = {}): string {
  visit(document, {
    Scalar(_, node) {
      // Only between double quotes there are escapes (YAML 1.2, 5.7).
      if (typeof node.value === 'string' && hasUnseen(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return escapeUnseen(document.toString({ lineWidth: 0, ...options }));
}
