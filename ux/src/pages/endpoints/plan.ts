/** A plan of an endpoint in words. */
import type { EndpointPlan } from '../../api/types';
import type { StateKind } from '../../parts/state';
import { bytes, counted, duration, number } from '../../text/en';

/** What the plan comes to, and why nothing happens when nothing does. */
export function planStory(plan: EndpointPlan): { title: string; kind: StateKind; word: string; why: string } {
  const actions = plan.Actions.length;
  const deletions = plan.Deletions.length;
  const parts = [counted(actions, 'action'), ...(deletions > 0 ? [counted(deletions, 'deletion')] : []), ...(plan.Bytes > 0 ? [bytes(plan.Bytes)] : []), ...(plan.Restarts ? ['restarts once'] : [])];
  const title = actions + deletions > 0 ? parts.join(', ') : plan.VersionSets.length > 0 ? 'As declared: nothing to do' : 'No sets: nothing is declared';
  const next = plan.NextAttempt ? `, tries again ${plan.NextAttempt.slice(11, 16)}` : '';
  const by = plan.ConfiguredBy ? ` by ${plan.ConfiguredBy}` : '';
  const problems = plan.Problems.length;
  switch (plan.State) {
    case 'applying': return { title, kind: 'working', word: `being applied${by}`, why: progressOf(plan) };
    case 'waiting': return { title, kind: 'waiting', word: 'waits for its turn', why: `Others are configured first${by ? `; configured${by}` : ''}.` };
    case 'stopped': return { title, kind: 'failed', word: 'stopped', why: `${problems > 0 ? `${number(problems)} failed` : 'An action failed'}${next}.` };
    case 'disabled': return { title, kind: 'off', word: 'not managed', why: 'VersionSetsDisabled is set: no plan is made or applied.' };
    case 'not connected': return { title, kind: 'dark', word: 'not connected', why: 'Nothing can be done there until it is in touch again. The plan is made from what was known last.' };
    case 'not managing': return { title, kind: 'off', word: 'not configured from here', why: plan.ConfiguredBy ? `${plan.ConfiguredBy} configures it.` : 'This server is no manager at present.' };
  }
  if (actions + deletions === 0) return { title, kind: 'ok', word: 'idle', why: plan.VersionSets.length > 0 ? 'It has what its sets declare.' : 'Give it sets to configure it from here.' };
  if (!plan.Apply) return { title, kind: 'paused', word: 'not applied', why: 'Apply is off, at the endpoint or at one of its sets: this is only what would be done.' };
  if (plan.ConfiguredBy && plan.State !== 'idle') return { title, kind: 'waiting', word: plan.State, why: `Configured by ${plan.ConfiguredBy}.` };
  return { title, kind: 'waiting', word: 'about to begin', why: problems > 0 ? 'Problems stand in the way of some of it.' : '' };
}

/** How far it is; servers that do not say it leave what is left. */
function progressOf({ Actions, Deletions, Done = 0, Total = 0 }: EndpointPlan): string {
  const left = Actions.length + Deletions.length;
  const far = Total > 0 ? `${number(Math.min(Done + 1, Total))} of ${number(Total)}` : left > 0 ? `${counted(left, 'line')} left` : '';
  return far && `${far}: what is done is not listed any more.`;
}

/** What an endpoint says of the right to configure it. */
export interface LeaseAnswer {
  holder: string;
  seconds: number;
}

/** `since`: seconds since it was told. */
export function leaseWords(lease: LeaseAnswer, since: number): string {
  if (!lease.holder) return 'Nobody holds the lease to configure it.';
  const left = Math.ceil(lease.seconds - Math.max(0, since));
  return left > 0 ? `The lease of ${lease.holder} lasts ${duration(left)} unless it is renewed.` : `The lease of ${lease.holder} has run out, or was renewed just now.`;
}
