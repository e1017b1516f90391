// Writes docs/roles/ from the schemas of the roles; a test fails when it is out of date.
import { writeFileSync } from 'node:fs';
import { createJiti } from 'jiti';

const { rolePages } = await createJiti(import.meta.url).import('./docs/role-pages.ts');
for (const [path, text] of await rolePages()) writeFileSync(new URL(`../${path}`, import.meta.url), text);
