import { type Look, parseLook } from '../../../../roles/vps-gateway/exposure/readings.ts';
import type { Session } from '../../../remote/session.ts';
import { LabError } from '../../../shared/errors.ts';
import { readRoleFile } from '../../../shared/own-package.ts';
import { quoteAll } from '../../../shared/quote.ts';

/** Of one command on a host: two requests to an address in the internet take twenty at most. */
const lookSeconds = 60;

/**
 * What a host says of its tunnels and of its way to the internet.
 *
 * @param echo URL that answers with the address of who asks
 * @throws LabError READ_FAILED
 */
export async function lookAt(session: Session, echo: string | undefined): Promise<Look> {
  const texts = [await asked(session, ['look'])];
  if (echo !== undefined) texts.push(await asked(session, ['echo', echo]));
  const text = texts.join('\n');
  if (/^no curl$/m.test(text))
    throw new LabError('READ_FAILED', 'this host cannot ask under which address it leaves', {
      expected: 'curl, or wget',
      found: 'neither',
      hint: 'install one of them there, or leave out --echo',
    });
  return parseLook(text);
}

async function asked(session: Session, words: readonly string[]): Promise<string> {
  const argv = ['sh', '-c', readRoleFile('vps-gateway/exposure/look.sh'), 'lab-verify', ...words];
  const frames = await session.request(`lab_run verify ${lookSeconds} ${quoteAll(argv)} 2>/dev/null`);
  const { body, status } = frames.get('verify') ?? { body: Buffer.alloc(0), status: -1 };
  if (status === 0) return body.toString();
  throw new LabError('READ_FAILED', `looking at this host failed with exit code ${status}`, {
    output: body.toString(),
  });
}
