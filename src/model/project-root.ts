import { basename, dirname } from 'node:path';

/** The folder called `inventory` that a file is in, if any. A file `inventory.yml` stands for itself. */
function inventoryFolder(file: string): string | undefined {
  if (basename(file).startsWith('inventory.')) return undefined;
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if (basename(folder) === 'inventory') return folder;
  }
  return undefined;
}

/** Where a project's relative paths start: the folder that holds the inventory folder, or the inventory file itself. */
export function projectRoot(inventoryFile: string): string {
  return dirname(inventoryFolder(inventoryFile) ?? inventoryFile);
}

/** `lab.lock.yml` beside the inventory, where it is committed with it. */
export function lockFilePath(inventoryFile: string): string {
  return `${inventoryFolder(inventoryFile) ?? dirname(inventoryFile)}/lab.lock.yml`;
}
