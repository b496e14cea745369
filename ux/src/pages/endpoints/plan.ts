/** A plan of an endpoint in words. */
import type { EndpointPlan, PlanLine } from '../../api/types';
import type { StateKind } from '../../parts/state';
import { bytes, counted, number } from '../../text/en';

const KINDS: Record<string, string> = {
  DRP: 'server', DRPUX: 'web interface', File: 'file', Global: 'global parameter', Plugin: 'plugin', Pref: 'preference',
  PluginProvider: 'provider', PP: 'provider', ContentPackage: 'pack', CP: 'pack',
};

export function kindOf(type: string): string {
  return KINDS[type] ?? type.toLowerCase();
}

export function lineText(line: PlanLine): { verb: string; what: string; now: string; then: string } {
  const kind = kindOf(line.Type);
  const what = line.Type === 'DRP' || line.Type === 'DRPUX' ? kind : `${kind} ${line.Name}`;
  const short = (text: string) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
  const now = line.Current ? short(line.Current) : '–';
  if (line.Action === 'Delete') return { verb: 'remove', what, now, then: '–' };
  const wanted = line.ActualVersion || line.Version;
  const value = line.Value === undefined || line.Value === null || line.Type === 'File' ? '' : typeof line.Value === 'string' ? line.Value : JSON.stringify(line.Value);
  const then = short(wanted || value || 'as declared');
  const verb = line.Action === 'Set' ? 'set' : line.Type === 'DRP' || line.Type === 'DRPUX' || (line.Current && wanted) ? 'upgrade' : line.Current ? 'replace' : 'install';
  return { verb, what, now, then };
}

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
    case 'applying': return { title, kind: 'working', word: `being applied${by}`, why: '' };
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
