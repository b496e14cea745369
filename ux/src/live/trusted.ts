/** Addresses of scripts that the page may start: those of the build, and no other. */

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

const known = new Set<string>();
let policy: { createScriptURL(url: string): string } | undefined;

/** `url` must come from an import of the build, never from data. The policy of the server allows one of this name, so all share it. */
export function trustedScript(url: string): string {
  const factory = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (!factory) return url;
  known.add(url);
  policy ??= factory.createPolicy('mullion', {
    createScriptURL: (asked) => {
      if (!known.has(asked)) throw new TypeError('not the address of a worker');
      return asked;
    },
  });
  return policy.createScriptURL(url);
}
