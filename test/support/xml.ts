/** An element of XML 1.0, as a strict reader sees it. */
export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly (Element | string)[];
}

// XML 1.0, 2.2 Characters.
const legal = /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;
const tag = /^<([A-Za-z][\w.-]*)((?:\s+[A-Za-z_:][\w:.-]*="[^"<]*")*)\s*(\/?)>/;
const reference = /&(?:#(\d+)|#x([\da-fA-F]+)|(lt|gt|amp|quot|apos));/g;
const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/**
 * Reads a document that must be well-formed, with nothing but elements in it; a DOCTYPE without a subset may come first.
 *
 * @throws Error that tells the place of the first mistake
 */
export function readXml(text: string): Element {
  const fail = (what: string, at: number): never => {
    throw new Error(`${what} at ${at}: ${JSON.stringify(text.slice(at, at + 80))}`);
  };
  if (!legal.test(text)) fail('a character that XML forbids', 0);
  const open: { name: string; attributes: Map<string, string>; children: (Element | string)[] }[] = [
    { name: '', attributes: new Map(), children: [] },
  ];
  let at = /^<!DOCTYPE html>/.exec(text)?.[0].length ?? 0;
  while (at < text.length) {
    const parent = open.at(-1) ?? fail('nothing is open', at);
    const rest = text.slice(at, at + 100_000);
    if (rest.startsWith('</')) {
      const [whole = '', name] = /^<\/([\w.-]+)>/.exec(rest) ?? fail('a malformed end', at);
      if (name !== parent.name) fail(`</${name}> ends <${parent.name}>`, at);
      open.pop();
      at += whole.length;
    } else if (rest.startsWith('<')) {
      const [whole = '', name = '', list = '', alone] = tag.exec(rest) ?? fail('a malformed tag', at);
      const attributes = new Map<string, string>();
      for (const [, key = '', value = ''] of list.matchAll(/([\w:.-]+)="([^"]*)"/g)) {
        if (attributes.has(key)) fail(`${key} twice`, at);
        attributes.set(key, decoded(value, at));
      }
      const element = { name, attributes, children: [] };
      parent.children.push(element);
      if (alone === '') open.push(element);
      at += whole.length;
    } else {
      const end = text.indexOf('<', at) === -1 ? text.length : text.indexOf('<', at);
      const raw = text.slice(at, end);
      if (raw.includes(']]>')) fail(']]> in text', at);
      if (open.length === 1 && raw.trim() !== '') fail('text outside', at);
      parent.children.push(decoded(raw, at));
      at = end;
    }
  }
  const roots = open[0]?.children.filter((child) => typeof child !== 'string') ?? [];
  const [root] = roots;
  if (open.length !== 1 || roots.length !== 1 || root === undefined) return fail('not one whole element', at);
  return root;

  function decoded(raw: string, place: number): string {
    if (raw.replaceAll(reference, '').includes('&')) fail('a bare &', place);
    return raw.replaceAll(reference, (_, decimal, hex, name) =>
      name === undefined
        ? String.fromCodePoint(Number.parseInt(decimal ?? hex, decimal ? 10 : 16))
        : (named[name] ?? ''),
    );
  }
}

/** All elements of this name below, in the order of the document. */
export function elementsIn(root: Element, name?: string): Element[] {
  return root.children.flatMap((child) =>
    typeof child === 'string'
      ? []
      : [...(name === undefined || child.name === name ? [child] : []), ...elementsIn(child, name)],
  );
}

export function textOf(element: Element): string {
  return element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}
