/** What somebody asked "why can't I?" about; one panel answers for all pages. */
import type { Claim } from '../api/rights';

class Question {
  claim = $state.raw<Claim | undefined>(undefined);
}

export const question = new Question();

export function askWhy(claim: Claim): void {
  question.claim = claim;
}
