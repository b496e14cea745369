/** The text of a set and the places of faults in it. Pure. */

/** Members that people write; all others are kept by the server. */
export const WRITTEN = ['Id', 'Description', 'Documentation', 'Apply', 'DRPVersion', 'DRPUXVersion', 'Components', 'Plugins', 'Prefs', 'Files', 'Global', 'Meta'] as const;

export type SetBody = Record<string, unknown>;

function empty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** What is written of a set: without what is empty and what the server keeps; unknown members stay, so that they are refused and not lost. */
export function writtenOf(body: SetBody, kept: readonly string[]): SetBody {
  const written: SetBody = {};
  for (const name of WRITTEN) if (!empty(body[name])) written[name] = body[name];
  for (const [name, value] of Object.entries(body)) if (!(name in written) && !kept.includes(name) && !(WRITTEN as readonly string[]).includes(name)) written[name] = value;
  if (Array.isArray(written['Components'])) written['Components'] = (written['Components'] as SetBody[]).map(({ ActualVersion, ...component }) => (empty(ActualVersion) ? component : { ...component, ActualVersion }));
  return written;
}

/** The stored object with what is written now in place of what was: what the form and the text do not show stays. */
export function objectOf(stored: SetBody, written: SetBody, wrote: SetBody): SetBody {
  const object = { ...stored };
  for (const name of Object.keys(wrote)) if (!(name in written)) object[name] = Array.isArray(stored[name]) ? [] : typeof stored[name] === 'object' && stored[name] !== null ? {} : typeof stored[name] === 'boolean' ? false : '';
  return { ...object, ...written };
}

/** Where in a YAML text a sentence of the server is about: `Components[1]`, a quoted name, or a member. */
export function placeOfFault(text: string, message: string): number | undefined {
  const indexed = /\b(Components|Plugins|Files)\[(\d+)\]/.exec(message);
  if (indexed) {
    const section = new RegExp(`^${indexed[1]}:`, 'm').exec(text);
    const from = section?.index;
    if (from !== undefined) {
      const entries = [...text.slice(from).matchAll(/^\s*- /gm)];
      const entry = entries[Number(indexed[2])];
      if (entry) return from + entry.index + entry[0].length;
    }
  }
  const words = [...message.matchAll(/[`'"“]([^`'"”]+)[`'"”]/g)].map((match) => match[1]!).concat(message.match(/[A-Za-z][\w./-]{2,}/g) ?? []);
  for (const word of words) {
    const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const found = new RegExp(`(?:^|[\\s"':])(${escaped})(?=$|[\\s"':,])`, 'm').exec(text);
    if (found) return found.index + found[0].length - found[1]!.length;
  }
  return undefined;
}

/** An entry that says: whatever is there stays. */
export function withIgnored(body: SetBody, name: string, type: 'ContentPackage' | 'PluginProvider'): SetBody {
  const components = ((body['Components'] as SetBody[] | null) ?? []).filter((component) => component['Name'] !== name);
  return { ...body, Components: [...components, { Name: name, Type: type, Version: 'ignore' }] };
}
