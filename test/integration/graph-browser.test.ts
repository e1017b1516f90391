import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import example from '../../inventory/index.ts';
import { graphOf } from '../../src/report/graph/graph.ts';
import { drawPage } from '../../src/report/graph/page.ts';
import { drawGraph } from '../../src/report/graph/svg.ts';
import { type Browser, startBrowser, type Tab, type View } from '../support/browser.ts';
import { homelabs } from '../support/homelabs.ts';

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
