/**
 * Every key of the interface, once: handlers, help sheet, palette and tooltips are made from this table.
 * Single letters never act in fields, can be switched off, and never do what cannot be undone without a confirmation.
 */

export interface Command {
  id: string;
  /** "g m", "Shift+x", "Ctrl+k"; several ways are separated by " or " */
  keys: string;
  label: string;
  /** where it is listed in the help */
  group: string;
  scope: Scope;
}

/** global: everywhere; list, object: on pages of that kind */
export type Scope = 'global' | 'list' | 'object' | 'form';

const go = (id: string, letter: string, label: string): Command => ({ id, keys: `g ${letter}`, label, group: 'Go', scope: 'global' });

export const COMMANDS: readonly Command[] = [
  { id: 'help', keys: '?', label: 'Keys of this page', group: 'General', scope: 'global' },
  { id: 'palette', keys: 'Ctrl+k', label: 'Find a page, an object or a command', group: 'General', scope: 'global' },
  { id: 'filter', keys: '/', label: 'To the filter field', group: 'General', scope: 'global' },
  { id: 'up', keys: 'u', label: 'One level up', group: 'General', scope: 'global' },
  { id: 'fold', keys: 'b', label: 'Fold the navigation', group: 'General', scope: 'global' },
  { id: 'pause', keys: 'p', label: 'Pause or resume live updates', group: 'General', scope: 'global' },
  { id: 'refresh', keys: 'r', label: 'Ask again now', group: 'General', scope: 'global' },
  go('now', 'n', 'Now'),
  go('endpoints', 'e', 'Endpoints'),
  go('machines', 'm', 'Machines'),
  go('failures', 'f', 'Failures'),
  go('jobs', 'j', 'Jobs'),
  go('rollouts', 'r', 'Rollouts'),
  go('catalog', 'c', 'Catalog'),
  go('events', 'v', 'Events'),
  go('access', 'u', 'Access'),
  go('system', 's', 'System'),
  go('cluster', 'h', 'Cluster'),
  go('objects', 'o', 'All collections'),
  { id: 'ledger', keys: 'g w', label: 'What I did', group: 'Go', scope: 'global' },
  { id: 'figures', keys: 'Ctrl+Shift+p', label: 'Figures of this page: frames, memory, requests', group: 'General', scope: 'global' },
  { id: 'save-view', keys: 's', label: 'Save this view', group: 'General', scope: 'global' },
  { id: 'copy-link', keys: 'y l', label: 'Copy link', group: 'Copy', scope: 'global' },
  { id: 'copy-cli', keys: 'y c', label: 'Copy as command', group: 'Copy', scope: 'global' },
  { id: 'copy-json', keys: 'y j', label: 'Copy as JSON', group: 'Copy', scope: 'global' },
  { id: 'copy-curl', keys: 'y u', label: 'Copy as curl', group: 'Copy', scope: 'global' },
  { id: 'columns', keys: 'c', label: 'Columns', group: 'List', scope: 'list' },
  { id: 'view', keys: 'v', label: 'Next view', group: 'List', scope: 'list' },
  { id: 'create', keys: 'n', label: 'New', group: 'List', scope: 'list' },
  { id: 'select-all', keys: '*', label: 'Select all that match', group: 'List', scope: 'list' },
  { id: 'actions', keys: '.', label: 'Actions', group: 'List', scope: 'global' },
  { id: 'edit', keys: 'e', label: 'Edit, or expand lines', group: 'Object', scope: 'object' },
  { id: 'ignore', keys: 'i', label: 'Ignore in the version set', group: 'Object', scope: 'object' },
  { id: 'tab', keys: 't', label: 'Next tab', group: 'Object', scope: 'object' },
  { id: 'tab-back', keys: 'Shift+t', label: 'Previous tab', group: 'Object', scope: 'object' },
  { id: 'previous', keys: '[', label: 'Previous of the list', group: 'Object', scope: 'object' },
  { id: 'next', keys: ']', label: 'Next of the list', group: 'Object', scope: 'object' },
  { id: 'route', keys: 'l', label: 'Route to the owner', group: 'Object', scope: 'global' },
  { id: 'submit', keys: 'Ctrl+Enter', label: 'Save', group: 'Form', scope: 'object' },
];

/** Keys that the grid handles itself, for the help sheet. */
export const GRID_KEYS: readonly { keys: string; label: string }[] = [
  { keys: '↑ ↓ or j k', label: 'Row' },
  { keys: '← →', label: 'Column' },
  { keys: 'PgUp PgDn Home End', label: 'Screen, first, last' },
  { keys: 'G number Enter', label: 'Go to row' },
  { keys: 'Enter', label: 'Open' },
  { keys: 'Space', label: 'Panel on or off' },
  { keys: 'x', label: 'Select' },
  { keys: 'Shift+x or Shift+↓', label: 'Select up to here' },
  { keys: 'Alt+← →', label: 'Width of the column' },
];

/** One press as it is written in the table. */
export function pressed(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string {
  const letter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push('Ctrl');
  if (event.altKey) parts.push('Alt');
  if (event.shiftKey && (letter || event.key.length > 1)) parts.push('Shift');
  parts.push(letter ? event.key.toLowerCase() : event.key);
  return parts.join('+');
}

/** Commands as somebody has rebound them; those without keys are switched off. */
export function bound(commands: readonly Command[], rebound: Readonly<Record<string, string>>): Command[] {
  return commands.map((command) => ({ ...command, keys: rebound[command.id] ?? command.keys })).filter((command) => command.keys !== '');
}

/** Pairs of commands that the same keys would run in the same place; a test holds this empty. */
export function collisions(commands: readonly Command[]): [string, string][] {
  const found: [string, string][] = [];
  commands.forEach((a, at) => {
    for (const b of commands.slice(at + 1)) {
      const together = a.scope === b.scope || a.scope === 'global' || b.scope === 'global';
      const same = a.keys === b.keys || a.keys.startsWith(b.keys + ' ') || b.keys.startsWith(a.keys + ' ');
      if (together && same) found.push([a.id, b.id]);
    }
  });
  return found;
}

export interface Settings {
  singleKeys: boolean;
  /** id -> keys */
  rebound: Record<string, string>;
}

const CHORD_MS = 1200;

/** Turns presses into commands; a first key of two waits for the second. */
export class Keys {
  private readonly handlers = new Map<string, (() => void)[]>();
  private first = '';
  private firstAt = 0;

  constructor(
    private readonly settings: () => Settings,
    private readonly now: () => number,
  ) {}

  /** The newest handler of a command wins; the answer takes it away again. */
  on(id: string, run: () => void): () => void {
    const stack = this.handlers.get(id) ?? [];
    stack.push(run);
    this.handlers.set(id, stack);
    return () => {
      const at = stack.indexOf(run);
      if (at >= 0) stack.splice(at, 1);
    };
  }

  can(id: string): boolean {
    return (this.handlers.get(id)?.length ?? 0) > 0;
  }

  run(id: string): boolean {
    const handler = this.handlers.get(id)?.at(-1);
    handler?.();
    return handler !== undefined;
  }

  keysOf(command: Command): string {
    return this.settings().rebound[command.id] ?? command.keys;
  }

  /** Whether the press was taken. `inField`: a field has the focus, so that only keys with Ctrl act. */
  press(key: string, inField: boolean): boolean {
    const modified = /^(Ctrl|Alt)\+/.test(key);
    if ((inField || !this.settings().singleKeys) && !modified) return false;
    const chord = this.first !== '' && this.now() - this.firstAt < CHORD_MS ? `${this.first} ${key}` : '';
    this.first = '';
    const found = this.matching(chord) ?? (chord === '' ? this.matching(key) : undefined);
    if (found) return this.run(found.id);
    if (chord !== '' || !COMMANDS.some((command) => this.keysOf(command).startsWith(key + ' '))) return false;
    this.first = key;
    this.firstAt = this.now();
    return true;
  }

  private matching(keys: string): Command | undefined {
    if (keys === '') return undefined;
    return COMMANDS.find((command) => this.keysOf(command) === keys && this.can(command.id));
  }
}
