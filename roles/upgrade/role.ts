export { packagesRole as default } from './roles.ts';
export { type UpgradeInput, upgrade } from './upgrade.ts';
