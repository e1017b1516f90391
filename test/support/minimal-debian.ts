import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { imageExists } from '../../src/sandbox/images.ts';

const recipe = fileURLToPath(new URL('minimal-debian.sh', import.meta.url));
const images = fileURLToPath(new URL('../../src/sandbox/image/', import.meta.url));

/**
 * Name of an image of a release of Debian with nothing in it but systemd and sshd, made at the first use (a minute).
 *
 * @param suite `bullseye`, `bookworm`, `trixie`
 */
export async function minimalDebian(suite: string): Promise<string> {
  const text = readFileSync(recipe);
  const tag = createHash('sha256')
    .update(text)
    .update(readFileSync(`${images}lab-init.sh`))
    .digest('hex')
    .slice(0, 12);
  const name = `labwright/test-${suite}:${tag}`;
  if (!(await imageExists(name)))
    execFileSync('sh', [recipe, suite, name, images], { stdio: ['ignore', 'ignore', 'inherit'] });
  return name;
}
