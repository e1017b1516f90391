import { type Document, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { formatPath, LabError } from '../shared/errors.ts';

/** Every value is text as written: `0123`, `1.10` and `yes` are what they look like, in a password above all. */
const options = { schema: 'failsafe', uniqueKeys: true } as const;

/**
 * The decrypted document, comments and order kept. Errors name places, never contents.
 *
 * @throws LabError SECRETS_FILE with all mistakes at once
 */
export function parseSecrets(text: string, file: string): Document.Parsed {
  const document = parseDocument(text, options);
  const problems = document.errors.map(
    (error) =>
      // The message of the library quotes the line: only its code is told.
      new LabError('SECRETS_FILE', `the secrets are no valid YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`, {
        at: { file, line: error.linePos?.[0].line, column: error.linePos?.[0].col },
      }),
  );
  const [first, ...others] = problems;
  if (first !== undefined) throw first.with({ others });
  if (document.contents !== null && !isMap(document.contents) && !isEmpty(document.contents)) {
    throw new LabError('SECRETS_FILE', 'the secrets are no list of names and values', {
      at: { file },
      expected: 'a YAML mapping such as "nas: { password: … }"',
    });
  }
  return document;
}

/**
 * Path (`nas.password`, `tokens[0]`) → value, in the order of the document.
 *
 * @throws LabError SECRETS_FILE when two values have the same path (`a: { b: … }` and `a.b: …`)
 */
export function flattenSecrets(document: Document.Parsed): Map<string, string> {
  const values = new Map<string, string>();
  const collect = (node: unknown, path: readonly (string | number)[]): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) collect(value, [...path, String(isScalar(key) ? key.value : key)]);
    } else if (isSeq(node)) {
      node.items.forEach((item, index) => {
        collect(item, [...path, index]);
      });
    } else if (isAlias(node)) {
      collect(node.resolve(document), path);
    } else if (path.length > 0) {
      const name = formatPath(path);
      if (values.has(name)) throw new LabError('SECRETS_FILE', `two secrets are called "${name}"`);
      values.set(name, isScalar(node) ? String(node.value ?? '') : '');
    }
  };
  collect(document.contents, []);
  return values;
}

/**
 * Sets the value at a path, replacing the one there or making the maps in between.
 *
 * @throws LabError SECRETS_FILE when the path leads through a value, or names a map
 */
export function setSecret(document: Document.Parsed, path: string, value: string): void {
  const keys = splitPath(path);
  for (let length = 1; length < keys.length; length++) {
    const node = document.getIn(keys.slice(0, length), true);
    if (node === undefined || isMap(node) || isSeq(node) || isEmpty(node)) continue;
    throw conflict(path, `${formatPath(keys.slice(0, length))} is a value`);
  }
  if (isMap(document.getIn(keys, true)) || isSeq(document.getIn(keys, true))) {
    throw conflict(path, `${path} holds other secrets`);
  }
  for (let length = 1; length < keys.length; length++) {
    const parent = keys.slice(0, length);
    if (isEmpty(document.getIn(parent, true))) document.setIn(parent, document.createNode({}));
  }
  if (isEmpty(document.contents)) document.contents = document.createNode({}) as typeof document.contents;
  document.setIn(keys, value);
}

/** `nas.users[0].name` → `['nas', 'users', 0, 'name']` */
function splitPath(path: string): (string | number)[] {
  if (!/^[^.[\]\s]+(\[\d+\]|\.[^.[\]\s]+)*$/.test(path)) {
    throw new LabError('USAGE', 'this is no path of a secret', {
      expected: 'names with dots: nas.password',
      found: path,
    });
  }
  return [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
}

function conflict(path: string, found: string): LabError {
  return new LabError('SECRETS_FILE', `"${path}" cannot be set`, {
    expected: 'the path of a value, or a new one',
    found,
    hint: 'lab secrets edit changes the structure',
  });
}

function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && (node.value === null || node.value === ''));
}
