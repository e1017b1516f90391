import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayHomelab } from '../support/gateway-homelab.ts';

// A whole homelab as strangers have it before them: what auditors' programs say of it, what it carries, and what leaves the home
// by its own line meanwhile.

let homelab: GatewayHomelab;
const vps = '10.71.0.10';

/** What a stranger's machine needs of programs that audit. */
const tools = 'testssl.sh bsdextrautils dnsviz bind9 bind9-utils bind9-dnsutils hey ssh-audit nmap graphviz';

beforeAll(async () => {
  homelab = await GatewayHomelab.start();
  await homelab.inside(
    'internet',
    `apt-get update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${tools} >/dev/null 2>&1
    # Debian's package lacks the module that dnsviz asks for its version.
    release=/usr/lib/python3/dist-packages/pygraphviz/release.py; [ -e $release ] || echo 'version = "1.7"' >$release`,
  );
  // From here on, what passes on the home's own line; link-local packets end there.
  const tunnel = `udp and host ${vps} and port 51820`;
  const captures = { others: `(ip or ip6) and not (${tunnel}) and not ip6 net fe80::/10 and not ip6 src ::`, tunnel };
  for (const [name, filter] of Object.entries(captures))
    await homelab.inside(
      'router',
      `line=$(ip -o -4 address show | awk '$4 ~ /^10[.]71[.]0[.]/ { print $2; exit }')
      setsid tcpdump -i "$line" -n -U -s 128 -c 10000 -w /${name}.pcap '${filter}' >/dev/null 2>&1 </dev/null & sleep 1`,
    );
}, 900_000);
afterAll(() => homelab?.[Symbol.asyncDispose](), 120_000);

describe('those who audit', () => {
  it('find nothing in the TLS of the gateway (testssl.sh)', async () => {
    const report = await homelab.inside(
      'internet',
      `cd /tmp && rm -f tls.json; testssl --severity MEDIUM --quiet --color 0 --warnings batch --add-ca /usr/local/share/ca-certificates/lab-sandbox.crt \\
        --jsonfile tls.json https://photos.example.test >/dev/null 2>&1; cat tls.json`,
    );
    const found = (JSON.parse(report) as { id: string; severity: string }[])
      .filter(({ severity }) => severity !== 'WARN')
      .map(({ id }) => id);
    // What the authority of the sandbox puts into certificates: half a day, and nowhere to ask whether one was revoked.
    const ofTheAuthority = ['cert_expirationStatus', 'cert_notAfter', 'cert_revocation'];
    expect(found.filter((id) => !ofTheAuthority.includes(id))).toEqual([]);
    expect(report).toContain('cert_notAfter');
  });

  it('find nothing in the signed zone (dnsviz, delv)', async () => {
    const ds = (
      await homelab.inside('vps', "awk '$4 == 13 && $5 == 2 || $5 == 13 && $6 == 2' /etc/lab/dns/example.test.ds")
    )
      .trim()
      .replace(/^.* DS /, '');
    expect(ds).toMatch(/^\d+ 13 2 [0-9a-f]{64}$/i);
    const grok = await homelab.inside(
      'internet',
      `cd /tmp && dnsviz probe -4 -A -a example.test -N example.test:ns1.example.test=${vps} -D 'example.test:${ds}' \\
        example.test photos.example.test missing.example.test 2>/dev/null >probe.json
      dig @${vps} example.test DNSKEY +noall +answer >keys; dnsviz grok -t keys -l warning -r probe.json; dnsviz grok -t keys -r probe.json >all.json`,
    );
    const codes = [...grok.matchAll(/"code": "(\w+)"/g)].map(([, code]) => code);
    // The sandbox's internet has private addresses.
    expect(codes.filter((code) => !code?.endsWith('PRIVATE_IP'))).toEqual([]);
    expect(await homelab.inside('internet', 'cat /tmp/all.json')).toContain('"SECURE"');
    const anchors = `trust-anchors { example.test. static-ds ${ds.replace(/(\S+)$/, '"$1"')}; };`;
    const answer = await homelab.inside(
      'internet',
      `echo '${anchors}' >/tmp/anchors; delv @${vps} -a /tmp/anchors +root=example.test photos.example.test A`,
    );
    expect(answer).toContain('; fully validated');
  });

  it('get no copy of the zone, and no answer for others', async () => {
    expect(await homelab.inside('internet', `dig @${vps} example.test AXFR`)).toContain('Transfer failed');
    expect(await homelab.inside('internet', `dig @${vps} debian.org`)).toContain('status: REFUSED');
  });

  it('find the declared ports alone (nmap)', async () => {
    const scan = await homelab.inside(
      'internet',
      `nmap -n -Pn -sS -p- --min-rate 20000 --max-retries 3 -oG - ${vps}; nmap -n -Pn -sU -p 53,443,51820,161,123,1900,5353 -oG - ${vps}`,
    );
    expect([...scan.matchAll(/(\d+)\/open\/(\w+)/g)].map(([, port, protocol]) => `${port}/${protocol}`)).toEqual([
      '22/tcp',
      '53/tcp',
      '80/tcp',
      '443/tcp',
      '53/udp',
    ]);
  });

  it('find no weak algorithm of sshd (ssh-audit)', async () => {
    const audit = await homelab.inside('internet', `ssh-audit -n ${vps} || true`);
    expect(audit).toContain('(kex)');
    expect(audit).not.toMatch(/\[fail\]/);
  });
});

it('carries a gigabyte each way as it is', async () => {
  const size = 1024 ** 3;
  const up = await homelab.inside(
    'internet',
    `head -c ${size} /dev/urandom >/big; sha256sum </big; curl -sS -T /big https://files.example.test/up`,
  );
  const [sum] = up.split(' ');
  expect(up).toContain(`body ${sum}`);
  const down = await homelab.inside(
    'internet',
    `rm -f /big; head -c ${size} /dev/zero | sha256sum; curl -sS https://files.example.test/zeros/${size} | sha256sum`,
  );
  const [wanted, got] = down.split('\n');
  expect(got).toBe(wanted);
});

it('loses no request of a thousand a second while it is changed, run again and rolled back, and its certificate renewed', async () => {
  const serial = () =>
    homelab.inside(
      'internet',
      `openssl s_client -connect ${vps}:443 -servername photos.example.test </dev/null 2>/dev/null | openssl x509 -noout -serial`,
    );
  const before = await serial();
  // Twenty connections with fifty a second each; how many of them come to be depends on the machine.
  await homelab.inside(
    'internet',
    'rm -f /load; (hey -z 90s -c 20 -q 50 https://photos.example.test/ >/load 2>&1; echo done >>/load) >/dev/null 2>&1 </dev/null &',
  );
  homelab.declare("wiki: { host: 'nas', port: 2343, public: 'wiki.example.test' },");
  expect(await homelab.succeeds('run', 'site.ts', '--output', 'plain')).not.toContain('0 changed');
  expect(await homelab.succeeds('run', 'site.ts', '--output', 'plain')).toContain('0 changed');
  await homelab.succeeds('rollback', 'vps-gateway', '--limit', 'vps', '--output', 'plain');
  // As if another authority were declared: the next one is due.
  await homelab.inside(
    'vps',
    'echo other >/var/lib/private/lab-acme/example.test/authority; systemctl start lab-acme-example.test',
  );
  expect(await serial()).not.toBe(before);
  await expect.poll(() => homelab.inside('internet', 'tail -n 1 /load'), { timeout: 180_000 }).toBe('done\n');
  const load = await homelab.inside('internet', 'cat /load');
  console.log(load.match(/Requests\/sec:.*/)?.[0]);
  expect(load).not.toContain('Error distribution');
  expect([...load.matchAll(/\[(\d{3})\]\s+\d+ responses/g)].map(([, code]) => code)).toEqual(['200']);
});

it('meanwhile sent nothing by the line of the home but WireGuard', async () => {
  const seen = async (name: string) =>
    (await homelab.inside('router', `tcpdump -n -r /${name}.pcap 2>/dev/null`)).split('\n').slice(0, -1);
  expect((await seen('tunnel')).length).toBe(10_000);
  await homelab.inside('router', 'pgrep -x tcpdump && pkill -x tcpdump && sleep 1');
  expect(await seen('others')).toEqual([]);
});
