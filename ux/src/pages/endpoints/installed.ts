/** What an Endpoint object says is installed, beside the lines of its plan. */
import type { PlanLine } from '../../api/types';
import { kindOfComponent, kindOfLine, type DeclaredKind } from '../../parts/declared';

export interface Installed {
  name: string;
  actual: string;
  line: PlanLine | undefined;
}

type Body = Record<string, unknown>;

const words = (value: unknown): string => (value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value));
const list = (value: unknown): Body[] => (Array.isArray(value) ? (value as Body[]) : []);

export function installedOf(body: Body, lines: readonly PlanLine[]): { title: string; items: Installed[] }[] {
  const left = new Set(lines);
  const lineFor = (kind: DeclaredKind, name: string): PlanLine | undefined => {
    const found = lines.find((line) => kindOfLine(line.Type) === kind && (kind === 'server' || line.Name === name));
    if (found) left.delete(found);
    return found;
  };
  const item = (kind: DeclaredKind, name: string, actual: string): Installed => ({ name, actual, line: lineFor(kind, name) });
  const components = list(body['Components']);
  const ofKind = (kind: DeclaredKind): Installed[] => components.filter((entry) => kindOfComponent({ Type: words(entry['Type']) }) === kind).map((entry) => item(kind, words(entry['Name']), words(entry['ActualVersion'] || entry['Version'])));
  const map = (kind: DeclaredKind, value: unknown): Installed[] => Object.entries((value ?? {}) as Body).map(([name, entry]) => item(kind, name, words(entry)));
  const parts: { kind: DeclaredKind; title: string; items: Installed[] }[] = [
    { kind: 'server', title: 'Server', items: body['DRPVersion'] ? [item('server', 'mullion', words(body['DRPVersion']))] : [] },
    { kind: 'pack', title: 'Packs', items: ofKind('pack') },
    { kind: 'provider', title: 'Providers', items: ofKind('provider') },
    { kind: 'plugin', title: 'Plugins', items: list(body['Plugins']).map((entry) => item('plugin', words(entry['Name']), words(entry['Provider']))) },
    { kind: 'pref', title: 'Preferences', items: map('pref', body['Prefs']) },
    { kind: 'global', title: 'Global parameters', items: map('global', body['Global']) },
    { kind: 'file', title: 'Files', items: [] as Installed[] },
  ];
  // What a plan brings is not there yet.
  for (const line of left) parts.find((part) => part.kind === kindOfLine(line.Type))?.items.push({ name: line.Name, actual: '', line });
  return parts
    .filter((part) => part.items.length > 0)
    .map(({ title, items }) => ({ title, items: items.sort((a, b) => a.name.localeCompare(b.name)) }));
}
