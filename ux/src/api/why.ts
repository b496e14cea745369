/** Why somebody may do something, or which roles would allow it: pure, from claims alone. */
import { covers, type Claim } from './rights';

export interface RoleFacts {
  Name: string;
  Claims: Claim[] | null;
}

export interface Grant {
  role: string;
  claim: Claim;
}

/** The claims, with their roles, that cover what is asked for. */
export function grantsOf(roles: readonly RoleFacts[], asked: Claim): Grant[] {
  return roles.flatMap((role) => (role.Claims ?? []).filter((claim) => covers(claim, asked)).map((claim) => ({ role: role.Name, claim })));
}

/** Claims about the same scope: what one has already, to compare with what is missing. */
export function nearClaims(claims: readonly Claim[], asked: Claim): Claim[] {
  const scopes = new Set(asked.scope.split(',').map((word) => word.trim()));
  return claims.filter((claim) => claim.scope.split(',').some((word) => word.trim() === '*' || scopes.has(word.trim())));
}

export interface Verdict {
  yes: boolean;
  /** claims of the login that cover it, and the role they come from; empty: from the account itself or a limited token */
  by: Grant[];
  /** roles that would allow it */
  would: string[];
  near: Claim[];
}

/** `own` are the roles of the account, `claims` what its login has altogether. */
export function verdictOf(claims: readonly Claim[], own: readonly string[], roles: readonly RoleFacts[], asked: Claim): Verdict {
  const grants = grantsOf(roles, asked);
  const yes = claims.some((claim) => covers(claim, asked));
  return {
    yes,
    by: yes ? grants.filter((grant) => own.includes(grant.role)) : [],
    would: [...new Set(grants.map((grant) => grant.role))].filter((name) => !own.includes(name)),
    near: yes ? [] : nearClaims(claims, asked),
  };
}

/** What is sent to an administrator: the claim, and the roles that would do. */
export function requestText(user: string, server: string, asked: Claim, would: readonly string[]): string {
  const claim = [asked.scope, asked.action, asked.specific].filter((part) => part !== '').join(' ');
  const roles = would.length === 0 ? 'No role of this server grants it yet.' : `One of these roles would do: ${would.join(', ')}.`;
  return `${user} at ${server} needs the claim: ${claim}. ${roles}`;
}
