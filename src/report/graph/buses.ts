import { routeTooltip } from './cards.ts';
import type { Dial } from './dials.ts';
import type { Graph } from './graph.ts';
import { grouped } from './grouped.ts';

/** Where a wire meets a card. */
export interface End {
  readonly card: string;
  /** Of the ports of the card. */
  readonly port: string;
  /** `in` has an arrowhead. */
  readonly way: 'in' | 'out' | 'both';
  readonly tooltip: readonly string[];
  /** Whom it concerns. */
  readonly parties: readonly string[];
}

/** What several have in common is drawn as one wire with branches. */
export interface Bus {
  readonly kind: 'route' | 'tunnel';
  readonly tooltip: readonly string[];
  readonly ends: readonly End[];
}

/** The wires of the picture: the ways of public names, and who dials whom in tunnels. */
export function busesOf(graph: Graph): Bus[] {
  return [...fromOutside(graph), ...throughGateways(graph), ...tunnels(graph.tunnels.dials)];
}

function fromOutside({ routes }: Graph): Bus[] {
  if (routes.length === 0) return [];
  const tooltip = routes.map(routeTooltip);
  const entries = grouped(routes, ({ service, gateway }) =>
    JSON.stringify(gateway === undefined ? [service.host, `service ${service.name}`] : [gateway, 'gateway']),
  );
  const ends = [...entries].map(([key, ways]): End => {
    const [card = '', port = ''] = JSON.parse(key) as string[];
    const parties = ['internet', card, ...ways.flatMap(({ service }) => [service.name, service.host])];
    return { card, port, way: 'in', tooltip: ways.map(routeTooltip), parties };
  });
  const source: End = {
    card: 'internet',
    port: 'names',
    way: 'out',
    tooltip,
    parties: ends.flatMap(({ parties }) => parties),
  };
  return [{ kind: 'route', tooltip, ends: [source, ...ends] }];
}

/** From each gateway to the services behind it. */
function throughGateways({ routes }: Graph): Bus[] {
  const behind = routes.filter(({ service, gateway }) => gateway !== undefined && gateway !== service.host);
  return [...grouped(behind, ({ gateway }) => gateway ?? '')].map(([gateway, ways]): Bus => {
    const ends = ways.flatMap((way): End[] => {
      const { name, host } = way.service;
      const rest = { tooltip: [routeTooltip(way)], parties: ['internet', gateway, host, name] };
      return [
        { card: gateway, port: `route ${name}`, way: 'out', ...rest },
        { card: host, port: `service ${name}`, way: 'in', ...rest },
      ];
    });
    return { kind: 'route', tooltip: ways.map(routeTooltip), ends };
  });
}

/** One for each member that others dial, and one for each circle of members that all dial each other. */
function tunnels(dials: readonly Dial[]): Bus[] {
  return [...grouped(dials, ({ network }) => network).values()].flatMap((inside) => {
    const pairs = new Map(inside.map((dial) => [JSON.stringify([dial.from, dial.to]), dial]));
    const isMutual = (one: string, other: string) =>
      pairs.has(JSON.stringify([one, other])) && pairs.has(JSON.stringify([other, one]));
    const circles: string[][] = [];
    for (const { from, to } of inside) {
      if (!isMutual(from, to) || circles.some((circle) => circle.includes(from) && circle.includes(to))) continue;
      const circle = [from, to];
      for (const next of new Set(inside.map((dial) => dial.from)))
        if (!circle.includes(next) && circle.every((one) => isMutual(one, next))) circle.push(next);
      circles.push(circle);
    }
    const oneWay = inside.filter(({ from, to }) => !isMutual(from, to));
    return [
      ...[...grouped(oneWay, ({ to }) => to)].map(([to, towards]) => star(to, towards)),
      ...circles.map((circle) => ring(circle, inside)),
    ];
  });
}

function star(to: string, dials: readonly Dial[]): Bus {
  const port = `network ${dials[0]?.network}`;
  const tooltip = dials.map(dialTooltip);
  const from = dials.map(
    (dial): End => ({ card: dial.from, port, way: 'out', tooltip: [dialTooltip(dial)], parties: [dial.from, to] }),
  );
  return {
    kind: 'tunnel',
    tooltip,
    ends: [{ card: to, port, way: 'in', tooltip, parties: [to, ...dials.map((dial) => dial.from)] }, ...from],
  };
}

function ring(circle: readonly string[], dials: readonly Dial[]): Bus {
  const among = dials.filter(({ from, to }) => circle.includes(from) && circle.includes(to));
  const ends = circle.map((card): End => {
    const tooltip = among.filter(({ from }) => from === card).map(dialTooltip);
    return { card, port: `network ${among[0]?.network}`, way: 'both', tooltip, parties: circle };
  });
  return { kind: 'tunnel', tooltip: [`each dials each: ${circle.join(', ')}`], ends };
}

function dialTooltip({ network, from, to, at, keepalive }: Dial): string {
  return `${network}: ${from} dials ${to} at ${at}${keepalive === 0 ? '' : `, and says a word every ${keepalive} s`}`;
}
