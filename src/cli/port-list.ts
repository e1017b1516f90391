import { InvalidArgumentError } from 'commander';

/**
 * @example portList('22,8000-8002') // [22, 8000, 8001, 8002]
 * @throws InvalidArgumentError for what is no port from 1 to 65535, a range that goes backwards, or more than 1000 of them
 */
export function portList(text: string): number[] {
  const ports = text.split(',').flatMap((part) => {
    const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim()) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === '' || from < 1 || to > 65_535 || from > to)
      throw new InvalidArgumentError(`"${part}" is no port from 1 to 65535 and no range such as 8000-8010.`);
    return Array.from({ length: Math.min(to - from + 1, 1001) }, (_, at) => from + at);
  });
  if (ports.length > 1000) throw new InvalidArgumentError('More than 1000 ports: try them in parts.');
  return ports;
}
