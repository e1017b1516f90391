export { type RotateKeysInput, rotateKeys } from './rotation/rotate-keys.ts';
export { wireguard as default } from './wireguard.ts';
