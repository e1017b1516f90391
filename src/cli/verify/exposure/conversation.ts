import type { Duplex } from 'node:stream';
import { type DetailedPeerCertificate, connect as secure, type TLSSocket } from 'node:tls';

/** Of everything that is waited for on one connection. */
const patienceMilliseconds = 5000;
/** Bytes of an answer that are looked at. */
const answerLimit = 256 * 1024;

/** What came over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** Begins TLS, whatever certificate there is; undefined when the other side does not. Without a name: as scanners do. */
export function overTls(stream: Duplex, name: string | undefined): Promise<TLSSocket | undefined> {
  return new Promise((resolve) => {
    const socket = secure({
      socket: stream,
      ...(name === undefined ? {} : { servername: name }),
      ALPNProtocols: ['http/1.1'],
      // What it is, not whether it is believed.
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => socket.destroy(), patienceMilliseconds);
    socket.on('error', () => {});
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

/** The names in a certificate (RFC 6125): those of its subject alternative name, else the common name. */
export function certifiedNames(socket: TLSSocket): readonly string[] {
  const { subject, subjectaltname } = socket.getPeerCertificate(true) as Partial<DetailedPeerCertificate>;
  const names = [...(subjectaltname ?? '').matchAll(/DNS:"?([^,"\s]+)/g)].flatMap(([, name]) => name ?? []);
  return names.length > 0 ? names : [subject?.CN ?? []].flat();
}

/** Asks for a path; undefined when what comes is no HTTP. */
export async function askHttp(stream: Duplex, name: string, path: string): Promise<HttpAnswer | undefined> {
  stream.write(
    `GET ${path} HTTP/1.1\r\nHost: ${name}\r\nUser-Agent: lab-verify\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
  );
  const text = await heard(stream, () => false);
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end === -1 ? undefined : end).split('\r\n');
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(first) ?? [];
  if (status === undefined) return undefined;
  const headers = lines.flatMap((line): [string, string][] => {
    const colon = line.indexOf(':');
    return colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()]];
  });
  return { status: Number(status), headers, body: end === -1 ? '' : text.slice(end + 4) };
}

/** What a mail server says at first, and to EHLO (RFC 5321, 4.1.1.1); empty when it is none. */
export async function greetingOf(stream: Duplex): Promise<readonly string[]> {
  const isWhole = (text: string) => /^\d{3} .*\r?\n/m.test(text);
  const banner = await heard(stream, isWhole);
  if (!banner.startsWith('220')) return [];
  stream.write('EHLO lab-verify.invalid\r\n');
  const answer = await heard(stream, isWhole);
  stream.write('QUIT\r\n');
  return `${banner}${answer}`.split(/\r?\n/).filter((line) => line !== '');
}

/** What comes until there is enough, the other side ends, or nothing comes any more. */
function heard(stream: Duplex, isEnough: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const timer = setTimeout(over, patienceMilliseconds);
    const listen = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isEnough(text) || text.length > answerLimit) over();
    };
    function over() {
      clearTimeout(timer);
      stream.off('data', listen).off('end', over).off('close', over);
      stream.pause();
      resolve(text);
    }
    stream.on('data', listen).on('end', over).on('close', over);
    stream.resume();
  });
}
