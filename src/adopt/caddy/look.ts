import type { Facts } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';

export const caddyfile = '/etc/caddy/Caddyfile';

/** A gateway that somebody set up by hand. */
export interface FoundCaddy {
  readonly host: string;
  /** What Caddy itself makes of its file: caddyserver.com/docs/json. */
  readonly config: unknown;
  /** Lines that begin a site, with their number. */
  readonly headings: readonly { readonly line: number; readonly text: string }[];
  /** The role vps-gateway wrote it. */
  readonly isOurs: boolean;
  /** Values that come from the environment of the service, which is not read. */
  readonly usesEnvironment: boolean;
}

/** Of the file itself only the lines outside of all braces are shown: what stands in them may be secret. */
const look = `command -v caddy >/dev/null || { echo absent; exit 0; }
[ -f "$1" ] || { echo nofile; exit 0; }
grep -q '^# Managed by lab' "$1" && echo ours
grep -q '{\\$' "$1" && echo environment
awk '{ line = $0; sub(/^[ \\t]*#.*/, "", line); text = line
  if (depth == 0 && line ~ /[^ \\t]/) { sub(/[ \\t]*\\{[ \\t]*$/, "", text); if (text != "") print "heading", NR, text }
  gsub(/\\{[^ \\t{}]+\\}/, "", line); depth += gsub(/\\{/, "", line); depth -= gsub(/\\}/, "", line) }' "$1"
# Caddy makes a folder in the home of who calls it.
home=$(mktemp -d) || exit 1
json=$(HOME=$home STEPPATH=$home caddy adapt --config "$1" --adapter caddyfile 2>/dev/null) || json=
rm -r "$home"
[ -n "$json" ] || { echo invalid; exit 0; }
printf 'json %s\\n' "$(printf '%s' "$json" | tr -d '\\n')"`;

/**
 * Reads a host, and changes nothing.
 *
 * @throws LabError PLAN_IMPOSSIBLE where there is no Caddy with a file of its own
 */
export async function lookForCaddy(facts: Pick<Facts, 'run'>, host: string): Promise<FoundCaddy> {
  const { stdout } = await facts.run(['sh', '-c', look, 'lab-adopt-caddy', caddyfile]);
  const lines = stdout.split('\n');
  const json = lines.find((line) => line.startsWith('json '))?.slice(5);
  if (json === undefined) throw nothingThere(host, lines);
  return {
    host,
    config: parsed(json, host),
    isOurs: lines.includes('ours'),
    usesEnvironment: lines.includes('environment'),
    headings: lines.flatMap((line) => {
      const [, number, text = ''] = /^heading (\d+) (.*)$/.exec(line) ?? [];
      return number === undefined ? [] : [{ line: Number(number), text }];
    }),
  };
}

function parsed(json: string, host: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new LabError('READ_FAILED', 'what caddy says of its configuration is no JSON', {
      host,
      expected: `the configuration as JSON from: caddy adapt --config ${caddyfile}`,
      // Not the text: there may be secrets in it.
      found: `${json.length} characters that are none`,
    });
  }
}

function nothingThere(host: string, lines: readonly string[]): LabError {
  const found = lines.includes('absent')
    ? 'no caddy'
    : lines.includes('nofile')
      ? `no ${caddyfile}`
      : `${caddyfile}, which caddy adapt does not understand`;
  return new LabError('PLAN_IMPOSSIBLE', 'there is no Caddy on this host that could be taken over', {
    host,
    expected: `Caddy with ${caddyfile}`,
    found,
    hint: lines.includes('invalid') ? `caddy adapt --config ${caddyfile} on the host says what is wrong` : undefined,
  });
}
