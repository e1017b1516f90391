/** What every contestant brings a host to; each in its own words (lab.ts, ansible.ts) or reads only (floor.ts). */

export interface WorkloadFile {
  readonly path: string;
  readonly content: string;
  readonly mode: string;
}

/** Debian packages that are in the image from the start: the speed of a mirror is not what is measured. */
export const packages = ['at', 'cron', 'nftables'];
/** `atd` is stopped and disabled on a bare host; the others run. */
export const services = ['atd', 'cron', 'ssh'];
export const directories = ['/etc/bench', '/srv/bench', '/srv/bench/data', '/srv/bench/log', '/var/lib/bench'];

const words = 'listen timeout retries buffer workers cache backlog interval limit grace'.split(' ');

/** Template of the twelve files: about forty lines that depend on the host and on a number. */
export function renderFile(host: string, number: number): string {
  const lines = words.flatMap((word, at) => [
    `# ${word} of application ${number}`,
    `${word}.size = ${(number + 1) * (at + 3)}`,
    `${word}.name = "${host}-${number}-${word}"`,
    '',
  ]);
  return `# ${host}: application ${number}\n${lines.join('\n')}`;
}

export const templatedFiles = (host: string): WorkloadFile[] =>
  Array.from({ length: 12 }, (_, number) => ({
    path: `/etc/bench/application-${number}.conf`,
    content: renderFile(host, number),
    mode: number % 4 === 0 ? '0640' : '0644',
  }));

/** Six edits in two files. */
export const lineEdits = [
  { path: '/etc/login.defs', match: '^PASS_MAX_DAYS', line: 'PASS_MAX_DAYS\t365' },
  { path: '/etc/login.defs', match: '^PASS_MIN_DAYS', line: 'PASS_MIN_DAYS\t1' },
  { path: '/etc/login.defs', match: '^LOGIN_TIMEOUT', line: 'LOGIN_TIMEOUT\t\t30' },
  { path: '/etc/security/limits.conf', match: '^\\* soft nofile', line: '* soft nofile 8192' },
  { path: '/etc/security/limits.conf', match: '^\\* hard nofile', line: '* hard nofile 65536' },
  { path: '/etc/security/limits.conf', match: '^\\* hard core', line: '* hard core 0' },
];

/** Keys of the network namespace only: others would change the whole machine. */
export const sysctls: Readonly<Record<string, string>> = {
  'net.ipv4.conf.all.accept_redirects': '0',
  'net.ipv4.conf.all.send_redirects': '0',
  'net.ipv4.tcp_fin_timeout': '30',
  'net.ipv6.conf.all.accept_redirects': '0',
};

export const users = ['ada', 'bob'].map((name, at) => ({
  name: `bench-${name}`,
  shell: '/bin/sh',
  key: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'EK'[at]?.repeat(43)} ${name}@bench`,
}));

export const ruleset: WorkloadFile = {
  path: '/etc/bench/rules.nft',
  content: `table inet bench {
  chain input {
    type filter hook input priority 10; policy accept;
    ct state established,related accept
    tcp dport { 22, 80, 443 } accept
    icmp type echo-request limit rate 5/second accept
  }
}
`,
  mode: '0644',
};
export const validateRuleset = ['nft', '--check', '--file', '%s'];

export const cronJob = { name: 'bench', schedule: '30 3 * * *', command: '/bin/true' };

/** Run once on a new host, before anything is measured. */
export const prepareScript = `set -e
mkdir -p /root/bench-before
cp -a /etc/login.defs /etc/security/limits.conf /root/bench-before/
`;

/** Makes the host as bare as it was. */
export const resetScript = `set -e
cp -a /root/bench-before/login.defs /etc/login.defs
cp -a /root/bench-before/limits.conf /etc/security/limits.conf
rm -rf /etc/bench /srv/bench /var/lib/bench /etc/cron.d/bench /etc/sysctl.d/60-lab-net* /etc/sysctl.d/60-bench* /var/lib/lab /root/.ansible
${users.map(({ name }) => `if id ${name} >/dev/null 2>&1; then userdel --remove ${name} >/dev/null 2>&1; fi`).join('\n')}
systemctl --quiet disable --now atd 2>/dev/null
sysctl -q -w net.ipv4.conf.all.accept_redirects=1 net.ipv4.conf.all.send_redirects=1 net.ipv4.tcp_fin_timeout=60 net.ipv6.conf.all.accept_redirects=1
`;
