import { generateKeyPairSync } from 'node:crypto';
import { Secret } from '../../../src/index.ts';

export interface KeyPair {
  readonly privateKey: Secret;
  /** As wg(8) writes it: base64 of 32 bytes. */
  readonly publicKey: string;
}

/** A key pair of Curve25519 (RFC 7748), as `wg genkey` and `wg pubkey` make them. */
export function newKeyPair(): KeyPair {
  const { d = '', x = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  return { privateKey: new Secret(base64(d), 'private key of a device'), publicKey: base64(x) };
}

function base64(url: string): string {
  return Buffer.from(url, 'base64url').toString('base64');
}
