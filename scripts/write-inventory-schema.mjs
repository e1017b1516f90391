// Writes schema/inventory.v1.json from src/model/schema.ts; a test fails when it is out of date.
import { writeFileSync } from 'node:fs';
import { createJiti } from 'jiti';

const { inventoryJsonSchema } = await createJiti(import.meta.url).import('../src/model/schema.ts');
const target = new URL('../schema/inventory.v1.json', import.meta.url);
writeFileSync(target, `${JSON.stringify(inventoryJsonSchema(), null, 2)}\n`);
