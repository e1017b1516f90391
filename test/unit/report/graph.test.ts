import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import example from '../../../inventory/index.ts';
import type { Inventory } from '../../../src/model/types.ts';
import { graphOf } from '../../../src/report/graph/graph.ts';
import { drawPage } from '../../../src/report/graph/page.ts';
import { drawGraph } from '../../../src/report/graph/svg.ts';
import { type Font, widthOf } from '../../../src/report/graph/text.ts';
import { visibleLine } from '../../../src/report/visible.ts';
import fc from '../../support/fast-check.ts';
import { homelabs } from '../../support/homelabs.ts';
import { type Element, elementsIn, readXml, textOf } from '../../support/xml.ts';

const widths = [360, 1000] as const;
const draw = (inventory: Inventory, width?: number) => drawGraph(graphOf(inventory), width);
const page = (inventory: Inventory) => drawPage(graphOf(inventory));

interface Box {
  readonly what: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function boxOf(element: Element): Box {
  const number = (name: string) => Number(element.attributes.get(name) ?? 0);
  const what = `${element.attributes.get('class')} ${textOf(element)}`;
  if (element.name === 'rect')
    return {
      what,
      left: number('x'),
      top: number('y'),
      right: number('x') + number('width'),
      bottom: number('y') + number('height'),
    };
  const size = number('font-size');
  const font = (element.attributes.get('class') ?? '').split(' ')[0] as Font;
  const width = element.attributes.has('textLength') ? number('textLength') : widthOf(textOf(element), font);
  return {
    what,
    left: number('x'),
    top: number('y') - size * 0.8,
    right: number('x') + width,
    bottom: number('y') + size * 0.25,
  };
}

const meet = (a: Box, b: Box) =>
  a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 0.5 && b.top < a.bottom - 0.5;
const holds = (outer: Box, inner: Box) =>
  outer.left <= inner.left + 0.5 &&
  outer.right >= inner.right - 0.5 &&
  outer.top <= inner.top + 0.5 &&
  outer.bottom >= inner.bottom - 0.5;

function overlapping(boxes: readonly Box[]): string[] {
  const sorted = [...boxes].sort((a, b) => a.top - b.top);
  return sorted.flatMap((box, index) => {
    const found: string[] = [];
    for (const other of sorted.slice(index + 1)) {
      if (other.top >= box.bottom) break;
      if (meet(box, other)) found.push(`${box.what} on ${other.what}`);
    }
    return found;
  });
}

const classIs = (name: string) => (element: Element) => element.attributes.get('class')?.split(' ')[0] === name;

/** The corners of a wire, which goes across and down only. */
function segmentsOf(path: string): Box[] {
  let [x, y] = [0, 0];
  return [...path.matchAll(/([MHV])([\d.]+)(?: ([\d.]+))?/g)].flatMap(([, command, first, second]) => {
    const before = { x, y };
    if (command !== 'V') x = Number(first);
    if (command === 'V') y = Number(first);
    if (command === 'M') y = Number(second);
    const [left, right] = [Math.min(before.x, x), Math.max(before.x, x)];
    const [top, bottom] = [Math.min(before.y, y), Math.max(before.y, y)];
    return command === 'M' ? [] : [{ what: path, left, right: right + 0.1, top, bottom: bottom + 0.1 }];
  });
}

describe('the picture', () => {
  it.each(widths)(
    'has no box and no text on another, at a width of %i',
    (width) => {
      fc.assert(
        fc.property(homelabs, (inventory) => {
          const svg = readXml(draw(inventory, width));
          const rects = elementsIn(svg, 'rect');
          const of = (name: string) => rects.filter(classIs(name)).map(boxOf);
          const [areas, cards, lanes, chips] = [of('area'), of('card'), of('lane'), of('chip-box')];
          const texts = elementsIn(svg, 'text').map(boxOf);
          const whole = boxOf(rects.find(classIs('paper')) ?? svg);
          expect(overlapping(areas)).toEqual([]);
          expect(overlapping(cards)).toEqual([]);
          expect(overlapping([...lanes, ...areas])).toEqual([]);
          expect(overlapping(chips)).toEqual([]);
          expect(overlapping(texts)).toEqual([]);
          expect([...areas, ...cards, ...lanes, ...chips, ...texts].filter((box) => !holds(whole, box))).toEqual([]);
          const hosts = cards.filter(({ what }) => !what.includes('internet'));
          expect(hosts.filter((card) => areas.filter((area) => holds(area, card)).length !== 1)).toEqual([]);
          // A text that begins in a box ends in it.
          for (const box of [...areas, ...cards, ...lanes, ...chips, ...of('service'), ...of('gateway')])
            expect(texts.filter((text) => meet(box, text) && !holds(box, text))).toEqual([]);
        }),
        { numRuns: 25 },
      );
    },
    60_000,
  );

  it('leads no wire across a card or a text', () => {
    fc.assert(
      fc.property(homelabs, fc.constantFrom(...widths), (inventory, width) => {
        const svg = readXml(draw(inventory, width));
        const wires = elementsIn(svg, 'path')
          .filter(classIs('wire'))
          .flatMap((path) => segmentsOf(path.attributes.get('d') ?? ''));
        const things = [...elementsIn(svg, 'rect').filter(classIs('card')), ...elementsIn(svg, 'text')].map(boxOf);
        for (const wire of wires)
          expect(things.filter((thing) => meet(wire, { ...thing, left: thing.left + 1 }))).toEqual([]);
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it('holds everything that the inventory declares', () => {
    fc.assert(
      fc.property(homelabs, (inventory) => {
        const packed = (text: string) =>
          visibleLine(text)
            .replaceAll(/\p{Surrogate}|[\ufffe\uffff]/gu, '\ufffd')
            .replaceAll(/\s/g, '');
        for (const document of [draw(inventory), page(inventory)]) {
          const all = textOf(readXml(document)).replaceAll(/\s/g, '');
          const { hosts, devices, networks, services, groups, flows } = inventory;
          const wanted = [
            ...[...hosts.values(), ...devices.values()].flatMap(({ name, addresses }) => [
              name,
              ...[...addresses.values()].flat(),
            ]),
            ...[...devices.values()].map(({ owner = '' }) => owner),
            ...[...networks.values()].flatMap(({ name, prefixes }) => [name, ...prefixes]),
            ...[...services.values()].flatMap((one) => [one.name, String(one.port), ...one.public, ...one.private]),
            ...groups.keys(),
            ...flows.map(({ reason }) => reason),
          ];
          for (const text of wanted) expect(all).toContain(packed(text));
        }
      }),
      { numRuns: 20 },
    );
  }, 60_000);

  it('is the same each time', () => {
    fc.assert(
      fc.property(homelabs, (inventory) => {
        const again = structuredClone(inventory);
        expect(draw(again)).toBe(draw(inventory));
        expect(page(again)).toBe(page(inventory));
      }),
      { numRuns: 10 },
    );
  }, 30_000);

  it('tells who dials whom, and which way a public name takes', () => {
    const titles = elementsIn(readXml(draw(example)), 'title').map(textOf);
    expect(titles).toContain('vpn: nas dials vps at 10.77.0.10:51820, and says a word every 25 s');
    expect(titles).toContain('vpn: phone dials vps at 10.77.0.10:51820, and says a word every 25 s');
    expect(titles).toContain('photos.example.dev → vps → photos on nas, port 2342/tcp (http)');
    expect(titles).toContain('grafana → metrics, 9090/tcp\ndashboards query the metrics');
    expect(titles.filter((title) => title.startsWith('vpn: vps dials'))).toEqual([]);
  });

  // Measuring all of it took minutes.
  it('keeps a book that stands as a reason for the tooltip', () => {
    const [flow] = example.flows;
    const reason = 'r'.repeat(200_000);
    const book = { ...example, flows: [{ from: flow?.from ?? [], to: flow?.to ?? [], ports: [], reason }] };
    const svg = readXml(draw(book));
    expect(elementsIn(svg, 'title').some((title) => textOf(title).endsWith(reason))).toBe(true);
    const texts = elementsIn(svg, 'text').map(textOf);
    expect(texts.filter((text) => /rr…?$/.test(text))).toHaveLength(4);
    expect(texts.filter((text) => /rr…$/.test(text))).toHaveLength(1);
  });

  it('has a text alternative, and no script', () => {
    const svg = readXml(draw(example));
    expect(svg.attributes.get('role')).toBe('img');
    expect(textOf(svg.children.find((child) => typeof child !== 'string') as Element)).toBe(
      'Homelab: 4 hosts, 1 device, 3 networks, 4 services, 9 flows',
    );
    expect(elementsIn(svg, 'script')).toEqual([]);
  });
});

describe('the page', () => {
  it('is closed to everything from outside, whatever the inventory says', () => {
    fc.assert(
      fc.property(homelabs, (inventory) => {
        const root = readXml(page(inventory));
        const all = elementsIn(root);
        const script = all.filter(({ name }) => name === 'script');
        const style = all.filter(({ name }) => name === 'style');
        expect([script.length, style.length]).toEqual([1, 1]);
        const hash = (element: Element | undefined) =>
          `'sha256-${createHash('sha256')
            .update(element === undefined ? '' : textOf(element))
            .digest('base64')}'`;
        const policy = all.find(({ attributes }) => attributes.get('http-equiv') === 'Content-Security-Policy');
        expect(policy?.attributes.get('content')).toBe(
          `default-src 'none'; style-src ${hash(style[0])}; script-src ${hash(script[0])}; base-uri 'none'; form-action 'none'`,
        );
        // The same style for as many parties, and the same script for all: no text of an inventory is in them.
        expect(textOf(style[0] as Element)).not.toMatch(/url\(|@import|https?:/);
        const attributes = all.flatMap((element) => [...element.attributes]);
        expect(attributes.filter(([name]) => /^(on|src|style$|xlink)/.test(name))).toEqual([]);
        expect(attributes.filter(([name, value]) => name === 'href' && !value.startsWith('#'))).toEqual([]);
        expect(attributes.filter(([name, value]) => name === 'class' && /[^\w -]/.test(value))).toEqual([]);
        const ids = all.flatMap(({ attributes }) => attributes.get('id') ?? []);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});
