import type { Access } from './access.ts';

interface Server {
  readonly strict: boolean;
  /** `ID` of os-release. */
  readonly os: string;
}

/**
 * The drop-in for sshd. Algorithms are taken away from the defaults instead of being listed, so that what a newer OpenSSH
 * brings is used and what an older one does not know is no error (ssh-audit is what it is measured with). Every keyword is
 * one that OpenSSH 8.4 (Debian 11) takes as well.
 */
export function renderSshd(access: Access, settings: Readonly<Record<string, string>>, { strict, os }: Server): string {
  const own: Record<string, string> = {
    ...(access.permitRootLogin && { PermitRootLogin: access.permitRootLogin }),
    ...(access.passwordAuthentication !== undefined && {
      PasswordAuthentication: access.passwordAuthentication ? 'yes' : 'no',
      // The other way to ask for a password.
      ...(!access.passwordAuthentication && { KbdInteractiveAuthentication: 'no' }),
    }),
    PermitEmptyPasswords: 'no',
    X11Forwarding: 'no',
    LoginGraceTime: '30',
    // A client offers all keys of its agent one after the other, each is a try.
    MaxAuthTries: strict ? '3' : '6',
    // Through the encrypted connection, where nobody else can answer; who is silent for five minutes is gone.
    ClientAliveInterval: '150',
    ClientAliveCountMax: '2',
    TCPKeepAlive: 'no',
    Compression: 'no',
    // With the fingerprint of the key that somebody logged in with.
    LogLevel: 'VERBOSE',
    // Defaults of OpenSSH, which no other file of the host takes away.
    HostbasedAuthentication: 'no',
    IgnoreRhosts: 'yes',
    PermitUserEnvironment: 'no',
    StrictModes: 'yes',
    ...(['debian', 'ubuntu'].includes(os) && { DebianBanner: 'no' }),
    // `local`: jump hosts and `ssh -L` go on, nobody opens a port on the host.
    ...(strict && { AllowTcpForwarding: 'local', AllowAgentForwarding: 'no', PermitTunnel: 'no' }),
    KexAlgorithms: '-ecdh-sha2-*,diffie-hellman-group14-*,diffie-hellman-group1-*,diffie-hellman-group-exchange-*',
    HostKeyAlgorithms: '-ecdsa-sha2-*,ssh-dss*,ssh-rsa,ssh-rsa-cert-*',
    Ciphers: '-*-cbc,3des*,arcfour*',
    // What remains authenticates the encrypted text, not the plain one.
    MACs: '-hmac-sha1*,hmac-md5*,umac-64*,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512',
  };
  const declared = new Set(Object.keys(settings).map((keyword) => keyword.toLowerCase()));
  const lines = [
    ...Object.entries(settings),
    ...Object.entries(own).filter(([keyword]) => !declared.has(keyword.toLowerCase())),
  ];
  const heading = '# Managed by lab (role base). The first value of a setting counts, so this file comes first.';
  return `${heading}\n${lines.map(([keyword, value]) => `${keyword} ${value}\n`).join('')}`;
}

/** Checks the new drop-in in front of the whole configuration, the way sshd will read it. */
export const validateSshd: readonly string[] = [
  'sh',
  '-c',
  [
    'mkdir -p /run/sshd && chmod 0755 /run/sshd',
    'all=$(mktemp) || exit 1',
    'trap \'rm -f "$all"\' EXIT',
    '{ echo "Include $1"; echo "Include /etc/ssh/sshd_config"; } >"$all"',
    '"$(command -v sshd || echo /usr/sbin/sshd)" -t -f "$all"',
  ].join('\n'),
  'lab',
  '%s',
];
