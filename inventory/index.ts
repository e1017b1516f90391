import { defineInventory } from 'labwright';

/**
 * The example homelab, which `lab sandbox up` boots as containers: a server at a provider that everybody can reach, three
 * machines at home behind a router, and a phone.
 */
export default defineInventory({
  ssh: { user: 'root', identityFile: '.lab/sandbox/id_ed25519' },
  params: {
    base: { timezone: 'Europe/Berlin', hardening: { level: 'strict' } },
    dns: {
      resolvers: ['nas', 'node1'],
      // The resolver of the sandbox's internet; leave this out to ask from the root on.
      upstreams: [{ address: '10.77.0.50', name: 'resolver.example.net', tls: false }],
    },
    // The authority of the sandbox; leave this out to take Let's Encrypt.
    'vps-gateway': {
      acme: { directory: 'https://10.77.0.50:9443/acme/local/directory', root: '.lab/sandbox/authority.pem' },
    },
  },

  networks: {
    public: { prefixes: '10.77.0.0/24', public: true },
    home: { prefixes: '10.77.1.0/24' },
    vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
  },

  groups: {
    gateway: {
      // A server that strangers can reach keeps the time of its logs.
      params: { base: { timezone: 'Etc/UTC' } },
    },
    indoors: { children: ['storage', 'cluster'] },
    storage: {},
    cluster: {},
  },

  hosts: {
    vps: {
      groups: ['gateway'],
      addresses: { public: '10.77.0.10', vpn: ['10.80.0.1', 'fd80::1'] },
      // It answers for the domain itself, signed. Zones of a provider are published by RFC 2136 or an API just as well.
      params: { dns: { zones: { 'example.dev': { provider: { type: 'authoritative' } } } } },
    },
    nas: {
      groups: ['storage'],
      addresses: { home: '10.77.1.10', vpn: ['10.80.0.10', 'fd80::10'] },
      // It offers something to strangers: what it asks of them does not show where the home is.
      params: { firewall: { internet: 'tunnel' } },
    },
    node1: { groups: ['cluster'], addresses: { home: '10.77.1.11', vpn: ['10.80.0.11', 'fd80::11'] } },
    node2: { groups: ['cluster'], addresses: { home: '10.77.1.12', vpn: ['10.80.0.12', 'fd80::12'] } },
  },

  devices: {
    phone: { owner: 'ada', addresses: { vpn: 'auto' } },
  },

  services: {
    photos: {
      host: 'nas',
      port: 2342,
      public: 'photos.example.dev',
      private: 'photos.home.arpa',
      gateways: 'vps',
    },
    files: { host: 'nas', port: 445, private: 'files.home.arpa' },
    grafana: { host: 'node1', port: 3000, private: 'grafana.home.arpa' },
    metrics: { host: 'node2', port: 9090 },
  },

  flows: [
    { from: 'internet', to: 'gateway', ports: 22, reason: 'administration from anywhere, by key' },
    { from: 'home', to: 'indoors', ports: 22, reason: 'administration at home' },
    { from: 'internet', to: 'photos', reason: 'friends look at the albums they were sent' },
    { from: ['phone', 'home'], to: ['photos', 'files', 'grafana'], reason: 'the household uses its services' },
    { from: 'grafana', to: 'metrics', reason: 'dashboards query the metrics' },
    { from: 'metrics', to: 'all', ports: 9100, reason: 'every host is measured' },
    { from: 'phone', to: 'all', ports: 22, reason: 'administration on the road' },
    { from: 'all', to: 'internet', ports: [80, 443], reason: 'updates' },
    { from: 'all', to: 'internet', ports: [53, 123], protocol: 'udp', reason: 'names and time' },
  ],
});
