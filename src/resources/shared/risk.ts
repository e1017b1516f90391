import type { Change } from '../contract.ts';
import { carriesConnectivity, grantsLogin } from '../systemd/units.ts';

type Risk = Change['risk'];

/** Each with all that is below it. */
const connectivity = below(
  // The way in.
  ...['/etc/ssh', '/etc/dropbear', '/etc/default/ssh', '/etc/default/dropbear', '/etc/sysconfig/sshd'],
  ...['/etc/hosts.allow', '/etc/hosts.deny'],
  // Interfaces, addresses and routes.
  ...['/etc/network', '/etc/netplan', '/etc/systemd/network', '/etc/systemd/networkd.conf'],
  ...[
    '/etc/systemd/networkd.conf.d',
    '/etc/NetworkManager',
    '/etc/sysconfig/network',
    '/etc/sysconfig/network-scripts',
  ],
  ...['/etc/dhcpcd.conf', '/etc/dhcp', '/etc/wpa_supplicant', '/etc/iwd', '/etc/iproute2', '/etc/default/networking'],
  // Tunnels.
  ...['/etc/wireguard', '/etc/openvpn', '/etc/default/tailscaled'],
  // Firewalls.
  ...['/etc/nftables.conf', '/etc/nftables.d', '/etc/nftables', '/etc/sysconfig/nftables.conf', '/etc/ufw'],
  ...['/etc/default/ufw', '/etc/iptables', '/etc/sysconfig/iptables', '/etc/sysconfig/ip6tables', '/etc/firewalld'],
  ...['/etc/shorewall', '/etc/shorewall6', '/etc/ferm', '/etc/fail2ban'],
);

const privilege = below(
  ...[
    '/etc/sudoers',
    '/etc/sudoers.d',
    '/etc/sudo.conf',
    '/etc/doas.conf',
    '/etc/doas.d',
    '/etc/pam.d',
    '/etc/pam.conf',
  ],
  ...[
    '/etc/security',
    '/etc/passwd',
    '/etc/group',
    '/etc/shadow',
    '/etc/gshadow',
    '/etc/nsswitch.conf',
    '/etc/nologin',
  ],
  '/etc/sssd',
);

/** sshd refuses a key when others could write to the folders above it (StrictModes), and nobody logs in without a home. */
const homes = /^\/(root|home(\/[^/]+)?)?$/;
/** Of a person, or of root. */
const sshFolder = /\/\.ssh(\/|$)/;
const unitFile = /^\/(etc|run|usr\/lib|usr\/local\/lib|lib)\/systemd\/system\/([^/]+?)(\.d)?(\/|$)/;
const initScript = /^\/etc\/(init\.d|runlevels\/[^/]+)\/([^/]+)$/;

/** What a change of the path can cut, from where the path is. */
function riskOfPath(path: string): Risk {
  if (connectivity.test(path)) return 'connectivity';
  if (privilege.test(path) || homes.test(path) || sshFolder.test(path)) return 'privilege';
  const service = initScript.exec(path)?.[2];
  return riskOfUnit(service === undefined ? (unitFile.exec(path)?.[2] ?? '') : `${service}.service`);
}

/** The changes with their risk: the declared one, or that of the path. */
export function withRisk(changes: readonly Change[], path: string, declared: Risk): Change[] {
  const risk = declared ?? riskOfPath(path);
  return risk === undefined ? [...changes] : changes.map((change) => ({ ...change, risk }));
}

/** What starting, stopping or another definition of the unit can cut. */
export function riskOfUnit(name: string): Risk {
  return carriesConnectivity(name) ? 'connectivity' : grantsLogin(name) ? 'privilege' : undefined;
}

/** Without what is mounted there, nobody gets in, or the host does not come up again. */
export function riskOfMount(path: string): Risk {
  return /^\/(home(\/[^/]+)?|root|etc|usr|var|var\/lib)?$/.test(path) ? 'privilege' : undefined;
}

/** Kernel parameters by which a host takes, sends or passes on packets, or learns its addresses and routes. */
const routing =
  /^net[./](ipv4[./]ip_forward|ipv[46][./]conf[./].+[./](forwarding|mc_forwarding|rp_filter|disable_ipv6|accept_ra\w*|autoconf|arp_\w+|src_valid_mark|route_localnet|use_tempaddr)|ipv6[./](bindv6only|conf[./].+[./]disable_ipv6))$/;

export function riskOfSysctl(key: string): Risk {
  return routing.test(key) ? 'connectivity' : undefined;
}

const wayIn = [
  ...['openssh-server', 'openssh', 'openssh-sftp-server', 'dropbear', 'dropbear-bin', 'nftables', 'iptables', 'ufw'],
  ...['iptables-persistent', 'netfilter-persistent', 'firewalld', 'wireguard', 'wireguard-tools', 'wireguard-go'],
  ...['network-manager', 'NetworkManager', 'ifupdown', 'ifupdown2', 'netplan.io', 'systemd', 'iproute2', 'iproute'],
  ...['isc-dhcp-client', 'dhcpcd', 'dhcpcd-base', 'dhcpcd5', 'wpasupplicant', 'wpa_supplicant', 'iwd', 'tailscale'],
];
const rootRights = ['sudo', 'sudo-ldap', 'doas', 'opendoas', 'libpam-runtime', 'libpam-modules', 'libpam-systemd'];

/** What removing a package can cut. */
export function riskOfRemoval(packages: readonly string[]): Risk {
  const plain = packages.map((name) => name.replace(/:\w+$/, ''));
  if (plain.some((name) => wayIn.includes(name))) return 'connectivity';
  return plain.some((name) => rootRights.includes(name)) ? 'privilege' : undefined;
}

function below(...paths: readonly string[]): RegExp {
  return new RegExp(`^(${paths.map((path) => path.replaceAll('.', '\\.')).join('|')})(/|$)`);
}
