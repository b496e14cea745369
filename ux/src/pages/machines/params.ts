/** Parameters of a machine and where each value comes from. */
type Body = Record<string, unknown>;

export interface Param {
  name: string;
  value: unknown;
  /** empty: its own; a profile's name; `global`; `default` */
  from: string;
}

/** A value that only its owner can open. */
export function isSealed(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  const sealed = value as Body;
  return typeof sealed['Key'] === 'string' && typeof sealed['Nonce'] === 'string' && typeof sealed['Payload'] === 'string';
}

/** Its own values win, then its profiles in their order, then the global one; what nobody holds is the default. */
export function paramsOf(all: Body, own: Body, profiles: readonly { name: string; params: Body }[]): Param[] {
  return Object.entries(all)
    .map(([name, value]) => ({ name, value, from: name in own ? '' : (profiles.find(({ params }) => name in params)?.name ?? 'default') }))
    .sort((a, b) => a.name.localeCompare(b.name));
}
