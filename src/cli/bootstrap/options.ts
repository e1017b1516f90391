import type { GuardOption } from '../run-options.ts';

/** Options of `lab bootstrap`; what they mean stands in its help. */
export interface BootstrapOptions extends GuardOption {
  readonly name: string;
  readonly group: readonly string[];
  readonly join: readonly string[];
  readonly admin?: string;
  readonly key: readonly string[];
  readonly identity?: string;
  readonly fingerprint?: string;
  readonly acceptNewHostKey?: boolean;
  readonly sshFrom: readonly string[];
  readonly askPass?: boolean;
  readonly askBecomePass?: boolean;
  readonly upgrade: boolean;
  readonly firewall: boolean;
  readonly cloudInit?: boolean;
  readonly inventory?: string;
}
