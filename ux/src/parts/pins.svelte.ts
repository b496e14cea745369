/** Endpoints that a person keeps at hand, and those that were opened lately; kept in this browser. */

const PINS = 'mullion.pins';
const VISITED = 'mullion.visited';
const MOST_PINS = 30;
const MOST_VISITED = 5;

function stored(name: string): string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(name) ?? '[]');
    return Array.isArray(list) ? list.filter((entry): entry is string => typeof entry === 'string') : [];
  } catch {
    return [];
  }
}

class Pins {
  list = $state.raw<string[]>(stored(PINS));
  private opened = $state.raw<string[]>(stored(VISITED));

  constructor() {
    // Another tab of this browser may have changed them.
    window.addEventListener('storage', ({ key }) => {
      if (key === PINS) this.list = stored(PINS);
    });
  }

  /** Lately opened, without those that are at hand anyway. */
  get visited(): string[] {
    return this.opened.filter((id) => !this.list.includes(id));
  }

  has(id: string): boolean {
    return this.list.includes(id);
  }

  toggle(id: string): void {
    this.list = this.has(id) ? this.list.filter((known) => known !== id) : [...this.list, id].slice(-MOST_PINS);
    localStorage.setItem(PINS, JSON.stringify(this.list));
  }

  visit(id: string): void {
    this.opened = [id, ...this.opened.filter((known) => known !== id)].slice(0, MOST_VISITED);
    localStorage.setItem(VISITED, JSON.stringify(this.opened));
  }
}

export const pins = new Pins();
