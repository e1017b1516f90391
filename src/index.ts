/**
 * What playbooks, roles and inventories import from `labwright`.
 *
 * @packageDocumentation
 */
export { z } from 'zod';
export type {
  GroupNameOf,
  HostNameOf,
  HostPattern,
  KeyOf,
  NetworkNameOf,
  TypedInventory,
} from './model/define-inventory.ts';
export { defineInventory } from './model/define-inventory.ts';
export type {
  AddressesInput,
  ConnectionDefaultsInput,
  ConnectionInput,
  DeviceInput,
  EndpointInput,
  FallbackDefaultsInput,
  FallbackInput,
  FlowInput,
  GroupInput,
  HostInput,
  HttpInput,
  InventoryInput,
  NetworkInput,
  OneOrMore,
  PortRangeInput,
  RoleParamsInput,
  ServiceInput,
} from './model/input.ts';
export type { LoadInventoryOptions } from './model/load-inventory.ts';
export { loadInventory } from './model/load-inventory.ts';
export type {
  Device,
  Endpoint,
  Flow,
  Group,
  Host,
  HttpOptions,
  Inventory,
  Network,
  PortRange,
  Provenance,
  Service,
} from './model/types.ts';
export type {
  AnySchema,
  ExportContext,
  Exports,
  KeepsContext,
  KeptState,
  Play,
  Playbook,
  Role,
  RoleContext,
  RoleDefinition,
  RoleUse,
} from './playbook/contract.ts';
export type { AnyRole, PlaybookInput, PlayInput } from './playbook/define-playbook.ts';
export { definePlaybook } from './playbook/define-playbook.ts';
export type { NoParams, RoleInput } from './playbook/define-role.ts';
export { defineRole } from './playbook/define-role.ts';
export type {
  FactOptions,
  FactPrediction,
  Facts,
  FileFact,
  GroupFact,
  PackageFact,
  RunFact,
  SystemFact,
  UnitFact,
  UserFact,
} from './remote/facts/contract.ts';
export { KnownAfterApply } from './remote/facts/contract.ts';
export { absent } from './resources/absent.ts';
export { aptRepository } from './resources/apt-repository.ts';
export { archive } from './resources/archive.ts';
export { authorizedKeys } from './resources/authorized-keys.ts';
export { block } from './resources/block.ts';
export { command } from './resources/command.ts';
export type {
  Change,
  Content,
  Kept,
  PathClaim,
  Resource,
  ResourceOptions,
  ResourceTree,
  ResourceType,
  Shown,
  Step,
  TriggerAction,
} from './resources/contract.ts';
export { cron } from './resources/cron.ts';
export type { ResourceDefinition, ResourceFactory } from './resources/define-resource.ts';
export { defineResource } from './resources/define-resource.ts';
export { directory } from './resources/directory.ts';
export { download } from './resources/download.ts';
export { file } from './resources/file.ts';
export { gitCheckout } from './resources/git-checkout.ts';
export { group } from './resources/group.ts';
export { hostname } from './resources/hostname.ts';
export { line } from './resources/line.ts';
export { mount } from './resources/mount.ts';
export { packages } from './resources/package.ts';
export { rebootIfRequired } from './resources/reboot.ts';
export { secretText } from './resources/shared/secret-text.ts';
export { symlink } from './resources/symlink.ts';
export { sysctl } from './resources/sysctl.ts';
export { timer } from './resources/timer.ts';
export { timezone } from './resources/timezone.ts';
export { unit } from './resources/unit.ts';
export { unitFile } from './resources/unit-file.ts';
export { upgradedPackages } from './resources/upgraded-packages.ts';
export { user } from './resources/user.ts';
export { secret } from './secrets/secret.ts';
export type { ExitCode, LabErrorDetails, SourceLocation } from './shared/errors.ts';
export { exitCodes, LabError } from './shared/errors.ts';
export { Secret } from './shared/secret.ts';
export type { BecomeMethod, ConnectionFallback, ConnectionSettings } from './transport/contract.ts';
