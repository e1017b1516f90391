/**
 * What playbooks, roles and inventories import from `labwright`.
 *
 * @packageDocumentation
 */
export { z } from 'zod';
export { defineInventory } from './model/define-inventory.ts';
export { loadInventory } from './model/load-inventory.ts';
export type { Device, Endpoint, Flow, Group, Host, Inventory, Network, Service } from './model/types.ts';
export type { Play, Playbook, Role, RoleContext, RoleUse } from './playbook/contract.ts';
export { definePlaybook } from './playbook/define-playbook.ts';
export { defineRole } from './playbook/define-role.ts';
export type {
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
export type { Change, Content, Resource, ResourceOptions, ResourceTree, Step } from './resources/contract.ts';
export { defineResource } from './resources/define-resource.ts';
export { LabError } from './shared/errors.ts';
export { Secret } from './shared/secret.ts';
