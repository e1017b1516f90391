import type { Device, Host, Service } from '../../model/types.ts';
import { formatTarget } from '../inventory-tables.ts';
import type { Card, Part } from './box.ts';
import { Column } from './column.ts';
import type { Graph, Route } from './graph.ts';
import { kindOf } from './graph.ts';
import { widthOf } from './text.ts';

const pad = 12;

/** A host with its addresses, what it carries as a gateway and what it offers; or a device. Its place is 0, 0. */
export function cardOf(name: string, graph: Graph, width: number): Card {
  const { inventory, routes } = graph;
  const host = inventory.hosts.get(name);
  const device = inventory.devices.get(name);
  const column = new Column(pad, width - pad, 9);
  const ports = new Map<string, number>();
  const parts: Part[] = [];
  column.text(name, 'name');
  const about = host === undefined ? aboutDevice(device) : host.groups.join(' · ');
  if (about !== '') column.text(about, 'small', { tone: 'muted' });
  column.gap(4);
  setAddresses(column, host ?? device, ports, parts, graph);
  if (host !== undefined) {
    if (host.addresses.size === 0) column.pair('reached as', 'small', formatTarget(host), 'mono');
    for (const site of graph.tunnels.sites.get(name) ?? []) column.pair('leads to', 'small', site, 'mono');
    const way = graph.tunnels.internet.get(name);
    if (way !== undefined) column.text(`to the internet through ${way}`, 'small');
    setRoutes(
      column,
      routes.filter(({ gateway }) => gateway === name),
      name,
      ports,
      parts,
    );
    for (const service of inventory.services.values())
      if (service.host === name) setService(column, service, ports, parts);
  }
  const kind = host === undefined ? 'device' : 'host';
  const tooltip = [`${kind} ${name}`, ...(about === '' ? [] : [about])];
  return { name, kind, tooltip, x: 0, y: 0, width, height: column.y + 9, lines: column.lines, parts, ports };
}

function aboutDevice(device: Device | undefined): string {
  return device?.owner === undefined ? 'device' : `device of ${device.owner}`;
}

function setAddresses(
  column: Column,
  owner: Host | Device | undefined,
  ports: Map<string, number>,
  parts: Part[],
  { inventory }: Graph,
): void {
  const networks = [...(owner?.addresses ?? [])];
  const at = Math.min(90, Math.max(...networks.map(([network]) => widthOf(network, 'small') + 22), 0));
  for (const [network, addresses] of networks) {
    const kind = kindOf(inventory.networks.get(network));
    const assigned = owner?.assigned?.includes(network) === true ? ['assigned'] : [];
    const dotY = column.y + 8.5;
    addresses.forEach((address, index) => {
      const inner = new Column(column.left + 14, column.right, column.y);
      const middle = inner.pair(index === 0 ? network : '', 'small', address, 'mono', { at: at - 14 });
      column.lines.push(...inner.lines.filter(({ text }) => text !== ''));
      column.y = inner.y + 2;
      if (index === 0) ports.set(`network ${network}`, middle);
    });
    const tooltip = [`on ${network}: ${addresses.join(', ')}`, ...assigned];
    parts.push({ x: column.left, y: dotY - 4, width: 8, height: 8, className: `dot ${kind}`, tooltip });
  }
}

function setRoutes(
  column: Column,
  routes: readonly Route[],
  name: string,
  ports: Map<string, number>,
  parts: Part[],
): void {
  if (routes.length === 0) return;
  const part = open(column);
  ports.set('gateway', part.column.text('gateway for', 'small', { tone: 'muted' }));
  for (const { service } of routes) {
    part.column.gap(2);
    for (const [index, publicName] of service.public.entries()) {
      const middle = part.column.text(publicName, 'mono');
      if (index === 0) ports.set(`route ${service.name}`, middle);
    }
    const target = service.host === name ? `port ${service.port} here` : `${service.host}:${service.port}`;
    part.column.text(`→ ${service.name}, ${target} (${service.mode})`, 'small', { tone: 'muted', indent: 10 });
  }
  close(column, part, parts, 'gateway', routes.map(routeTooltip));
}

export function routeTooltip({ service, gateway }: Route): string {
  const { name, host, port, protocol, mode } = service;
  const through = gateway === undefined || gateway === host ? '' : ` → ${gateway}`;
  return `${service.public.join(', ')}${through} → ${name} on ${host}, port ${port}/${protocol} (${mode})`;
}

function setService(column: Column, service: Service, ports: Map<string, number>, parts: Part[]): void {
  const part = open(column);
  const where = `${service.port}/${service.protocol}`;
  ports.set(`service ${service.name}`, part.column.pair(service.name, 'name', where, 'mono'));
  for (const name of service.public) part.column.text(name, 'chip', { tone: 'route' });
  for (const name of service.private) part.column.text(name, 'chip', { tone: 'muted' });
  const tooltip = [
    `service ${service.name} on ${service.host}, port ${where}, mode ${service.mode}`,
    ...(service.public.length === 0 ? [] : [`public: ${service.public.join(', ')}`]),
    ...(service.private.length === 0 ? [] : [`inside: ${service.private.join(', ')}`]),
    ...(service.gateways.length === 0 ? [] : [`through: ${service.gateways.join(', ')}`]),
  ];
  close(column, part, parts, 'service', tooltip);
}

interface OpenPart {
  readonly top: number;
  readonly column: Column;
}

function open(column: Column): OpenPart {
  column.gap(6);
  return { top: column.y, column: new Column(column.left + 8, column.right - 8, column.y + 4) };
}

function close(column: Column, part: OpenPart, parts: Part[], className: string, tooltip: readonly string[]): void {
  const height = part.column.y + 4 - part.top;
  parts.push({ x: column.left, y: part.top, width: column.right - column.left, height, className, tooltip });
  column.lines.push(...part.column.lines);
  column.y = part.top + height;
}
