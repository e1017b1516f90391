import { describe, expect, it } from 'vitest';
import { type Health, parseHealth, worseThan } from '../../../roles/upgrade/health.ts';

const ports = new Map([['web', 'tcp:0050']]);
const key = 'K'.repeat(43);
const told = `state running\nlistens tcp:0050\nnow 1000\npeer wg0 ${key}= 990 25\nend\n`;
const health = (stdout: string) => parseHealth({ stdout, exitCode: 0 }, ports);
const expected = { units: true, services: true, links: true, hostKeys: new Map(), rebooted: false };

describe('how a host is', () => {
  it('is known when all of it was told', () => {
    expect(health(told)).toMatchObject({
      state: 'running',
      listening: ['web'],
      now: 1000,
      links: [{ handshake: 990 }],
    });
  });

  it.each([
    ['nothing', ''],
    ['the beginning', 'state running\nfailed'],
    ['all but the links', 'state running\nlistens tcp:0050\nnow 1000\n'],
    ['a unit that is called so', 'state running\nfailed end\n'],
  ])('is not known from %s', (_, stdout) => {
    expect(() => parseHealth({ stdout, exitCode: 124 }, ports)).toThrow(
      expect.objectContaining({ code: 'READ_FAILED' }),
    );
  });

  it('is worse when a unit failed, a service is silent, or a link that was in use does not shake hands', () => {
    const before = health(told);
    const after: Health = health(`state degraded\nfailed caddy.service\nnow 2000\npeer wg0 ${key}= 990 25\nend\n`);
    expect(worseThan(before, after, expected)).toEqual([
      'caddy.service failed',
      'the service web does not answer on its port',
      `no handshake on wg0 with peer ${key}=`,
    ]);
    expect(worseThan(before, before, expected)).toEqual([]);
  });
});
