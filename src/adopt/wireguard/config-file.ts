/** A line `Name = value` of a configuration. */
export interface Option {
  readonly name: string;
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

/** `[Interface]` or `[Peer]`, also as systemd-networkd calls them. */
export interface Section {
  readonly kind: string;
  readonly file: string;
  readonly line: number;
  readonly options: readonly Option[];
  /** Comments above it and in it. */
  readonly comments: readonly { readonly text: string; readonly line: number }[];
}

type Draft = { -readonly [Key in keyof Section]: Section[Key] } & {
  options: Option[];
  comments: { text: string; line: number }[];
};

/** The sections of a configuration of wg-quick(8) or systemd.netdev(5). A comment belongs to what follows it. */
export function parseConfigFile(file: string, text: string): readonly Section[] {
  const sections: Draft[] = [];
  let comments: Draft['comments'] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const [, comment] = /^\s*[#;](.*)$/.exec(raw) ?? [];
    const [, kind] = /^\s*\[([^\]]+)\]\s*$/.exec(raw) ?? [];
    const [, name, value = ''] = /^\s*([A-Za-z0-9]+)\s*=\s*(.*?)\s*$/.exec(raw.replace(/\s#.*$/, '')) ?? [];
    if (comment !== undefined) comments.push({ text: comment.trim(), line });
    else if (kind !== undefined) {
      sections.push({ kind: kind.replace(/^WireGuard/, ''), file, line, options: [], comments });
      comments = [];
    } else if (name !== undefined) {
      const section = sections.at(-1);
      section?.options.push({ name, value, line });
      section?.comments.push(...comments);
      comments = [];
    }
  }
  sections.at(-1)?.comments.push(...comments);
  return sections;
}

/** The values of an option, of which there may be several, on one line or more; its name in any case (wg(8)). */
export function valuesOf({ options }: Section, name: string): string[] {
  return options
    .filter((option) => option.name.toLowerCase() === name.toLowerCase())
    .flatMap(({ value }) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

/** The section of the peer with this key. */
export function sectionOfPeer(sections: readonly Section[], publicKey: string): Section | undefined {
  return sections.find((section) => valuesOf(section, 'PublicKey').includes(publicKey));
}
