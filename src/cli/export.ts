import { Argument, type Command, Option } from 'commander';
import { stringify } from 'yaml';
import {
  type KubernetesOptions,
  manifestsOf,
  type PodSecurityLevel,
} from '../../roles/firewall/kubernetes/manifests.ts';
import { LabError } from '../shared/errors.ts';
import { inventoryOf } from './open-hosts.ts';

interface Options {
  readonly inventory?: string;
  readonly podSecurity: PodSecurityLevel;
  readonly podSecurityWarn: PodSecurityLevel;
  readonly podSecurityVersion: string;
}

const levels = ['privileged', 'baseline', 'restricted'] as const;

/** `lab export`: what flows come to for programs that are told of them by files. */
export function register(program: Command): void {
  program
    .command('export')
    .addArgument(new Argument('<what>', 'the program').choices(['kubernetes']))
    .description('what the inventory comes to, as files of other programs: kubernetes')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--pod-security <level>', 'kubernetes: what pods may do').choices(levels).default('baseline'))
    .addOption(
      new Option('--pod-security-warn <level>', 'kubernetes: beyond which pods are warned of')
        .choices(levels)
        .default('restricted'),
    )
    .option('--pod-security-version <version>', 'kubernetes: whose standards these are', 'v1.31')
    .addHelpText(
      'after',
      `
kubernetes: for every namespace that a flow names, the namespace with its Pod Security labels, and network policies that let
nothing in and nothing out but names and what a flow allows. YAML for a repository of manifests, or for kubectl. Whether the
policies hold is a matter of the network plugin of the cluster.
Exit codes: 0, 4 usage or inventory error.

Examples:
  lab export kubernetes > policies.yaml
  lab export kubernetes | ssh node1 kubectl apply --server-side -f -`,
    )
    .action(async (_what: string, options: Options) => {
      const { inventory } = await inventoryOf(options.inventory);
      const manifests = manifestsOf(inventory, optionsFor(options));
      if (manifests.length === 0)
        throw new LabError('FIREWALL_POLICY', 'no flow names a namespace', {
          expected: "a flow such as { from: { namespace: 'apps' }, to: 'db', ports: 5432, reason: '…' }",
          found: `${inventory.flows.length} flows between hosts, devices, networks and services`,
        });
      process.stdout.write(manifests.map((manifest) => `---\n${stringify(manifest)}`).join(''));
    });
}

/** @throws LabError USAGE */
function optionsFor({ podSecurity, podSecurityWarn, podSecurityVersion }: Options): KubernetesOptions {
  if (!/^(latest|v1\.\d{1,3})$/.test(podSecurityVersion))
    throw new LabError('USAGE', '--pod-security-version is no version of Kubernetes', {
      expected: 'such as v1.31, or latest',
      found: podSecurityVersion,
    });
  return { enforce: podSecurity, warn: podSecurityWarn, version: podSecurityVersion };
}
