import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { formatEntries } from '../../../src/adopt/entries.ts';

const hostile = `it's "quoted" \\ $(reboot) \${x} \u2028 \u202e \u0085 \n - ü`;
const entries = {
  flows: [{ from: ['internet', 'vpn'], to: 'vps', ports: '8000-8010' as const, reason: hostile }],
  params: { wireguard: { gateways: ['vps'] } },
  hosts: { 'my-nas.1': { addresses: { vpn: ['10.8.0.1', 'fd80::1'] } } },
  networks: {},
};

it('writes TypeScript that is these values, whatever stands in them', async () => {
  const text = await formatEntries(entries, 'ts');
  const { networks: _, ...filled } = entries;
  expect(new Function(`return {${text}}`)()).toEqual(filled);
  expect(text.indexOf('params:')).toBeLessThan(text.indexOf('hosts:'));
});

it('writes YAML that is these values', async () => {
  const { networks: _, ...filled } = entries;
  const text = await formatEntries(entries, 'yaml');
  expect(parse(text)).toEqual(filled);
  expect(text).not.toMatch(/[\u007f-\u009f\u2028\u202e]/);
});

it('writes nothing for nothing', async () => {
  expect(await formatEntries({ networks: {} }, 'ts')).toBe('');
});
