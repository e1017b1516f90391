import { describe, expect, it } from 'vitest';
import example from '../../../inventory/index.ts';
import { drawReport } from '../../../src/report/verify/page.ts';
import {
  type Section,
  type Sections,
  sectionNames,
  sectionOf,
  skippedSection,
  stoppedSection,
  unrunSection,
  verifyReport,
} from '../../../src/report/verify/report.ts';
import { verifyText } from '../../../src/report/verify/text.ts';
import { visibleLine } from '../../../src/report/visible.ts';
import { type ExitCode, exitCodes, LabError } from '../../../src/shared/errors.ts';
import fc from '../../support/fast-check.ts';
import { homelabs, hostileText } from '../../support/homelabs.ts';
import { reportOn, verification } from '../../support/verify-report.ts';
import { elementsIn, readXml, textOf } from '../../support/xml.ts';

const plain = (_: unknown, text: string) => text;
const about = {
  checkedAt: '2026-11-27T02:46:05Z',
  durationMs: 1,
  limit: [],
  hosts: ['nas'],
  reach: { version: 1, openings: [], problems: [] },
  history: {},
} as const;
const passed = sectionOf(verification(null, { hosts: ['nas'] })) as Section<never>;
const lost = new LabError('UNREACHABLE', 'nobody answers');

function reportWith(sections: Partial<Record<(typeof sectionNames)[number], Section<never>>>) {
  const all = Object.fromEntries(sectionNames.map((name) => [name, sections[name] ?? passed]));
  return verifyReport(about, all as unknown as Sections);
}

function ending(exitCode: ExitCode): Section<never> {
  return { ...passed, exitCode };
}

describe('the exit code', () => {
  it.each([
    [[0, 0], 0],
    [[0, 2], 2],
    [[2, 3], 3],
    [[3, 4, 2], 4],
    [[4, 3, 1, 2], 1],
    [[1, 130], 130],
  ] as const)('of %j is %i', (codes, worst) => {
    const sections = Object.fromEntries(codes.map((code, index) => [sectionNames[index], ending(code)]));
    expect(reportWith(sections).exitCode).toBe(worst);
  });
});

describe('what is not known', () => {
  it('is never passed: a host that could not be asked, and a verification that could not run', () => {
    const partly = sectionOf(
      verification(null, {
        hosts: ['nas'],
        exitCode: exitCodes.hostUnreachable,
        unlooked: [{ host: 'vps', error: lost }],
        unproven: [{ host: 'node', text: 'nothing came to node' }],
      }),
    );
    expect(partly).toMatchObject({ status: 'unknown', hosts: { nas: 'passed', vps: 'unknown', node: 'unknown' } });
    expect(unrunSection(lost)).toMatchObject({ status: 'unknown', exitCode: 3, found: null });
    expect(unrunSection(new LabError('PLAYBOOK_TYPES', 'x'))).toMatchObject({ status: 'unknown', exitCode: 4 });
    expect(unrunSection(new LabError('INTERNAL', 'x'))).toMatchObject({ status: 'unknown', exitCode: 3 });
    expect(stoppedSection()).toMatchObject({ status: 'unknown', exitCode: 130 });
  });

  it('is told beside what is wrong, which counts more', () => {
    const both = sectionOf(
      verification(null, {
        exitCode: exitCodes.hostFailed,
        hosts: ['nas', 'vps'],
        problems: [{ text: 'open: 22/tcp', hint: null, hosts: ['nas'] }],
        unlooked: [{ host: 'tv', error: lost }],
      }),
    ) as Section<never>;
    expect(both).toMatchObject({ status: 'failed', hosts: { nas: 'failed', vps: 'passed', tv: 'unknown' } });
    const report = reportWith({ firewall: both, dns: skippedSection('no resolver') });
    expect(report).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(report.summary).toBe('1 of 5 verifications found something, 1 could not look at everything');
  });

  it('leaves nothing as declared that was skipped', () => {
    const report = reportWith(Object.fromEntries(sectionNames.map((name) => [name, skippedSection('why not')])));
    expect(report.summary).toBe('nothing was verified');
  });
});

it('has this shape for programs', () => {
  const report = JSON.parse(JSON.stringify(reportOn(example, 'text')));
  expect(Object.keys(report).sort()).toEqual([
    'checkedAt',
    'durationMs',
    'exitCode',
    'history',
    'hosts',
    'limit',
    'reach',
    'status',
    'summary',
    'verifications',
    'version',
  ]);
  expect(report).toMatchObject({ version: 1, status: 'failed', exitCode: 1, limit: ['text'] });
  expect(Object.keys(report.verifications)).toEqual([...sectionNames]);
  for (const section of Object.values<Record<string, unknown>>(report.verifications))
    expect(Object.keys(section).sort()).toEqual([
      'exitCode',
      'found',
      'hosts',
      'problems',
      'status',
      'summary',
      'unknown',
    ]);
  expect(report.verifications.exposure.problems).toEqual([{ text: 'header: text', hint: 'delete text', hosts: [] }]);
  expect(report.verifications.containers.unknown).toEqual([{ host: 'nas', text: 'UNREACHABLE: nobody answers text' }]);
  expect(report.verifications.containers.hosts).toEqual({ vps: 'passed', nas: 'unknown' });
});

describe('the text', () => {
  it('tells what is wrong, then each verification in a line, and all in one', () => {
    const lines = verifyText(reportOn(example, 'a text'), plain);
    expect(lines).toContain('  ✘ header: a text');
    expect(lines).toContain('    delete a text');
    expect(lines).toContain('  ⚠ nas: UNREACHABLE: nobody answers a text');
    expect(lines).toContain('  … 28 more lines: lab verify firewall shows all of them');
    expect(lines).toContain('✘ firewall    looked at all of it');
    expect(lines).toContain('⚠ containers  looked at all of it');
    expect(lines).toContain('~ drift       a text');
    expect(lines.at(-1)).toBe('5 of 6 verifications found something, 1 could not look at everything');
  });

  it('is short when all is well', () => {
    const lines = verifyText(reportWith({ dns: skippedSection('the inventory names no resolver') }), plain);
    expect(lines).toHaveLength(sectionNames.length + 2);
    expect(lines).toContain('✔ firewall    looked at all of it');
    expect(lines).toContain('- dns         the inventory names no resolver');
    expect(lines.at(-1)).toBe('all as declared: 5 verifications found nothing');
  });

  it('steers no terminal, whatever hosts say', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        for (const line of verifyText(reportOn(example, text), plain)) expect(line).toBe(visibleLine(line));
      }),
      { numRuns: 50 },
    );
  });
});

describe('the page', () => {
  const parts = ['wrong', 'blind', 'hosts', 'map', 'reach', 'runs', ...sectionNames];

  it('has a part for everything', () => {
    const page = drawReport(reportOn(example, 'text'), example);
    for (const id of parts) expect(page).toContain(`<section id="${id}" `);
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(parts).toContain(target);
    const labels = [...page.matchAll(/aria-labelledby="([^"]+)"/g)].map(([, id]) => id);
    for (const id of labels) expect(page).toContain(` id="${id}"`);
  });

  it('says what is not known as such, and leaves out what was not found', () => {
    const page = drawReport(reportWith({ dns: unrunSection(lost) }), example);
    expect(page).not.toContain('<section id="wrong"');
    expect(page).toMatch(/<section id="blind"[\s\S]*UNREACHABLE: nobody answers/);
    expect(page).toMatch(/<section id="dns"[^>]* class="unknown">/);
    expect(page).toContain('<p class="verdict unknown">');
  });

  it('takes no text for anything but text', () => {
    const texts = fc.oneof(
      hostileText,
      fc.constantFrom('</style><script>alert(1)</script>', '" onload="x', "'><img src=x>"),
    );
    // Names and reasons of an inventory are text of somebody as well.
    const [hostile = example] = fc.sample(homelabs, { seed: 5, numRuns: 1 });
    fc.assert(
      fc.property(texts, (text) => {
        const page = drawReport(reportOn(hostile, text), hostile);
        const root = readXml(page);
        const elements = elementsIn(root);
        const names = new Set(elements.map(({ name }) => name));
        for (const name of ['script', 'img', 'iframe', 'object', 'form', 'link']) expect(names).not.toContain(name);
        expect(elements.filter(({ name }) => name === 'style')).toHaveLength(1);
        for (const { attributes } of elements)
          for (const [name, value] of attributes) {
            expect(name).not.toMatch(/^on|^style$|^src/);
            if (name === 'href') expect(value).toMatch(/^#[a-z]+$/);
          }
        const drift = elements.find(({ attributes }) => attributes.get('id') === 'drift');
        if (drift !== undefined && /^[\w ]+$/.test(text)) expect(textOf(drift)).toContain(text);
      }),
      { numRuns: 15 },
    );
  });

  it('allows itself nothing but its own style', () => {
    const [one, two] = ['a', '<script>'].map((text) => drawReport(reportOn(example, text), example));
    const policyOf = (page = '') => /content="(default-src[^"]*)"/.exec(page)?.[1];
    expect(policyOf(one)).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'$/,
    );
    expect(policyOf(two)).toBe(policyOf(one));
    expect(one).not.toMatch(/https?:\/\/(?!www\.w3\.org\/)/);
  });
});
