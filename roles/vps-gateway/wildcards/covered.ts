/** Where Caddy finds certificates that it does not obtain itself. */
export const certificateFolder = '/etc/caddy/lab-certificates';

/** `*.example.dev` stands for one label (RFC 6125, 6.4.3); its certificate is for `example.dev` as well. */
export function isCovered(name: string, domain: string): boolean {
  return name === domain || (name.endsWith(`.${domain}`) && !name.slice(0, -domain.length - 1).includes('.'));
}

/** Where Caddy finds the certificate for all names of a domain, and its key. */
export function certificateFiles(domain: string): readonly [certificate: string, key: string] {
  const file = `${certificateFolder}/${domain}`;
  return [`${file}.crt`, `${file}.key`];
}
