import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import example from '../../inventory/index.ts';
import { graphOf } from '../../src/report/graph/graph.ts';
import { drawPage } from '../../src/report/graph/page.ts';
import { drawGraph } from '../../src/report/graph/svg.ts';
import { drawReport } from '../../src/report/verify/page.ts';
import { type Browser, startBrowser, type Tab, type View } from '../support/browser.ts';
import fc from '../support/fast-check.ts';
import { homelabs } from '../support/homelabs.ts';
import { reportOn } from '../support/verify-report.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
}, 300_000);
afterAll(() => browser?.[Symbol.asyncDispose]());

const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 900 };
const views: readonly View[] = [phone, desktop].flatMap((size) =>
  (['light', 'dark'] as const).map((scheme) => ({ ...size, scheme })),
);
const shown = ({ width, scheme }: View) => `${width === phone.width ? 'phone' : 'desktop'}, ${scheme}`;

/** Texts of the picture in sight that lie on another, or leave the narrowest box that they begin in, as the browser sets them. */
const misplaced = `(() => {
  const seen = (one) => one.getClientRects().length > 0;
  const box = (one) => { const { x, y, width, height } = one.getBBox(); return { one, left: x, top: y, right: x + width, bottom: y + height }; };
  const texts = [...document.querySelectorAll('svg text')].filter(seen).map(box);
  const rects = [...document.querySelectorAll('svg rect')].filter(seen).map(box);
  const meet = (a, b) => b.right > a.left + 1 && a.right > b.left + 1 && b.bottom > a.top + 3 && a.bottom > b.top + 3;
  const on = texts.flatMap((a, index) => texts.slice(index + 1).filter((b) => meet(a, b)).map((b) => a.one.textContent + ' on ' + b.one.textContent));
  const out = texts.filter((a) => rects.some((b) => a.left > b.left && b.right > a.left && a.top + 4 > b.top && b.bottom > a.bottom - 4 && a.right > b.right + 1));
  return [texts.length, ...on, ...out.map(({ one }) => one.textContent + ' leaves its box')];
})()`;

/** Elements wider than the window, and whether one could scroll sideways. */
const wide = `[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5 && getComputedStyle(one).position !== 'absolute' && (one.closest('svg') ?? one) === one).map((one) => one.outerHTML.slice(0, 90)).concat(document.documentElement.scrollWidth > innerWidth ? ['the page'] : [])`;

async function expectQuiet(tab: Tab): Promise<void> {
  expect(tab.observed.complaints).toEqual([]);
  expect(tab.observed.requests.filter((url) => !/^file:\/\/\/root\/\d+\.(svg|html)/.test(url))).toEqual([]);
}

/** For whoever wants to look: `LAB_TEST_SCREENSHOTS` names a folder. */
async function screenshot(tab: Tab, name: string): Promise<void> {
  const folder = process.env.LAB_TEST_SCREENSHOTS;
  if (folder !== undefined) writeFileSync(`${folder}/${name.replaceAll(/[, ]+/g, '-')}.png`, await tab.screenshot());
}

const opacityOf = (card: string) =>
  `[...document.querySelectorAll('svg [data-name="${card}"]')].filter((one) => one.getClientRects().length > 0).map((one) => Number(getComputedStyle(one).opacity))[0]`;
const middleOf = (card: string) =>
  `(() => { const one = [...document.querySelectorAll('svg [data-name="${card}"] .card')].find((one) => one.getClientRects().length > 0); one.scrollIntoView({ block: 'center' }); const { right, top } = one.getBoundingClientRect(); return [right - 12, top + 12]; })()`;

describe.each(views)('the page in a browser, $width wide, $scheme', (view) => {
  it('is quiet, asks for nothing, fits, and shows its texts apart', async () => {
    for (const inventory of [example, ...fc.sample(homelabs, { seed: 7, numRuns: 3 })]) {
      const tab = await browser.open(drawPage(graphOf(inventory)), 'html', view);
      const [count, ...problems] = await tab.evaluate<[number, ...string[]]>(misplaced);
      expect(count).toBeGreaterThan(10);
      expect(problems).toEqual([]);
      expect(await tab.evaluate(wide)).toEqual([]);
      expect(await tab.evaluate(`document.querySelectorAll('svg:is(.wide, .narrow)').length`)).toBe(2);
      await expectQuiet(tab);
      if (inventory === example) await screenshot(tab, shown(view));
    }
  });

  it('shows a host alone after a click, and everything after another', async () => {
    const tab = await browser.open(drawPage(graphOf(example)), 'html', view);
    const colour = await tab.evaluate<string>(`getComputedStyle(document.body).backgroundColor`);
    expect(colour === 'rgb(18, 22, 28)').toBe(view.scheme === 'dark');
    const rows = `[...document.querySelectorAll('tbody tr')].filter((one) => one.getClientRects().length > 0).length`;
    const all = await tab.evaluate<number>(rows);
    const at = await tab.evaluate<[number, number]>(middleOf('phone'));
    const scrolled = await tab.evaluate<number>('scrollY');
    await tab.click(...at);
    await expect.poll(() => tab.evaluate(opacityOf('internet'))).toBeLessThan(0.2);
    expect(await tab.evaluate(opacityOf('phone'))).toBe(1);
    expect(await tab.evaluate(opacityOf('nas'))).toBe(1);
    expect(await tab.evaluate('location.hash')).toBe('#phone');
    expect(await tab.evaluate('scrollY')).toBe(scrolled);
    expect(await tab.evaluate(rows)).toBeLessThan(all);
    expect(await tab.evaluate(`document.getElementById('_shown').textContent`)).toBe('Only what has to do with phone.');
    await tab.click(...at);
    await expect.poll(() => tab.evaluate(opacityOf('internet'))).toBe(1);
    expect(await tab.evaluate(rows)).toBe(all);
    await tab.click(...at);
    await expect.poll(() => tab.evaluate(opacityOf('internet'))).toBeLessThan(0.2);
    await tab.press('Escape');
    await expect.poll(() => tab.evaluate(opacityOf('internet'))).toBe(1);
    await tab.click(...at);
    await expect.poll(() => tab.evaluate(opacityOf('internet'))).toBeLessThan(0.2);
    await screenshot(tab, `phone alone, ${shown(view)}`);
    await expectQuiet(tab);
  });
});

it('shows a host alone without scripts, too, by a link', async () => {
  const tab = await browser.open(drawPage(graphOf(example)), 'html', { ...phone, scheme: 'light', scripts: false });
  const at = await tab.evaluate<[number, number]>(
    `(() => { const { left, right, top, bottom } = document.querySelector('nav a[href="#phone"]').getBoundingClientRect(); return [(left + right) / 2, (top + bottom) / 2]; })()`,
  );
  await tab.click(...at);
  await expect.poll(() => tab.evaluate(opacityOf('internet'))).toBeLessThan(0.2);
  expect(await tab.evaluate(opacityOf('phone'))).toBe(1);
  expect(await tab.evaluate('scrollY')).toBe(0);
  expect(await tab.evaluate(`document.getElementById('_search').hidden`)).toBe(true);
  await expectQuiet(tab);
});

it('searches the tables', async () => {
  const tab = await browser.open(drawPage(graphOf(example)), 'html', { ...desktop, scheme: 'light' });
  const rows = await tab.evaluate<string[]>(
    `(() => { const field = document.querySelector('input'); field.value = 'DASHBOARDS'; field.dispatchEvent(new Event('input', { bubbles: true })); return [...document.querySelectorAll('tbody tr')].filter((one) => one.getClientRects().length > 0).map((one) => one.textContent); })()`,
  );
  expect(rows).toEqual([expect.stringContaining('dashboards query the metrics')]);
});

/** Texts in sight, outside of the picture, whose contrast is below 4.5:1 (WCAG 2.2, 1.4.3). */
const pale = `(() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { rgb: [r, g, b], a }; };
  const groundOf = (one) => { for (let at = one; at; at = at.parentElement) { const { rgb, a } = parse(getComputedStyle(at).backgroundColor); if (a > 0.99) return rgb; } return [255, 255, 255]; };
  const light = (rgb) => { const [r, g, b] = rgb.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [0];
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (walker.currentNode.textContent.trim() === '' || one.closest('svg') || one.getClientRects().length === 0) continue;
    found[0]++;
    const ratio = contrast(parse(getComputedStyle(one).color).rgb, groundOf(one));
    if (ratio < 4.5) found.push(ratio.toFixed(2) + ' ' + one.outerHTML.slice(0, 90));
  }
  return found;
})()`;

describe.each(views)('the report in a browser, $width wide, $scheme', (view) => {
  it('is quiet, asks for nothing, fits, and reads well', async () => {
    const texts = ['something to say', 'a-very-long-word-'.repeat(20), '<script>alert("x")</script>'];
    for (const text of texts) {
      const tab = await browser.open(drawReport(reportOn(example, text), example), 'html', view);
      expect(await tab.evaluate(wide)).toEqual([]);
      const [count, ...unreadable] = await tab.evaluate<[number, ...string[]]>(pale);
      expect(count).toBeGreaterThan(100);
      expect(unreadable).toEqual([]);
      const sections = await tab.evaluate<string[]>(
        `[...document.querySelectorAll('section')].filter((one) => one.getBoundingClientRect().height > 30).map(({ id }) => id)`,
      );
      expect(sections).toEqual(
        'wrong blind hosts map wireguard reach firewall dns exposure containers drift runs'.split(' '),
      );
      expect(await tab.evaluate(`document.querySelectorAll('script').length`)).toBe(0);
      // What the policy of the page would not allow is no style of it.
      expect(await tab.evaluate(`getComputedStyle(document.querySelector('.tiles')).display`)).toBe('grid');
      const colour = await tab.evaluate<string>(`getComputedStyle(document.body).backgroundColor`);
      expect(colour === 'rgb(18, 22, 28)').toBe(view.scheme === 'dark');
      await expectQuiet(tab);
      if (text === texts[0]) await screenshot(tab, `report, ${shown(view)}`);
    }
  });

  it('leads from a tile to its part', async () => {
    const tab = await browser.open(drawReport(reportOn(example, 'text'), example), 'html', view);
    const at = await tab.evaluate<[number, number]>(
      `(() => { const { left, top } = document.querySelector('.tile[href="#drift"]').getBoundingClientRect(); return [left + 40, top + 20]; })()`,
    );
    await tab.click(...at);
    await expect
      .poll(() => tab.evaluate(`document.getElementById('drift').getBoundingClientRect().top < innerHeight`))
      .toBe(true);
    expect(await tab.evaluate('location.hash')).toBe('#drift');
  });
});

it.each(['light', 'dark'] as const)('reads the picture by itself, %s', async (scheme) => {
  for (const inventory of [example, ...fc.sample(homelabs, { seed: 11, numRuns: 3 })]) {
    const tab = await browser.open(drawGraph(graphOf(inventory)), 'svg', { ...desktop, scheme });
    expect(await tab.evaluate('document.documentElement.nodeName')).toBe('svg');
    expect(await tab.evaluate(`document.querySelectorAll('parsererror').length`)).toBe(0);
    const [, ...problems] = await tab.evaluate<[number, ...string[]]>(misplaced);
    expect(problems).toEqual([]);
    await expectQuiet(tab);
  }
});
