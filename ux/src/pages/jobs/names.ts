/** Names of objects that rows name by key only: asked for together, once, and only of rows that are drawn. */

export interface Found {
  key: string;
  owner: string;
  name: string;
}

const TOGETHER_MS = 50;
const AT_ONCE = 100;
const MOST = 5000;

const place = (owner: string, key: string): string => `${owner}\n${key}`;

export class NameBook {
  private readonly known = new Map<string, string>();
  private wanted = new Map<string, { owner: string; key: string }>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ask: (keys: string[]) => Promise<readonly Found[]>,
    /** names came */
    private readonly told: () => void,
  ) {}

  /** Empty while it is asked for, and for an object that nobody shows. */
  of(owner: string, key: string): string {
    const name = this.known.get(place(owner, key));
    if (name === undefined && key !== '') {
      this.wanted.set(place(owner, key), { owner, key });
      this.timer ??= setTimeout(() => void this.flush(), TOGETHER_MS);
    }
    return name ?? '';
  }

  close(): void {
    clearTimeout(this.timer);
    this.wanted.clear();
  }

  private async flush(): Promise<void> {
    this.timer = undefined;
    const asked = [...this.wanted.entries()].slice(0, AT_ONCE);
    for (const [name] of asked) this.wanted.delete(name);
    if (this.wanted.size > 0) this.timer = setTimeout(() => void this.flush(), TOGETHER_MS);
    const found = await this.ask([...new Set(asked.map(([, { key }]) => key))]).catch(() => undefined);
    // What could not be asked for now is asked for when it is drawn again.
    if (!found) return;
    if (this.known.size > MOST) this.known.clear();
    for (const [name] of asked) this.known.set(name, '');
    for (const { owner, key, name } of found) this.known.set(place(owner, key), name);
    this.told();
  }
}
