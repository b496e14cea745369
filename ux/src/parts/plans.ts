/** What version sets would do to many endpoints. Servers without the route are asked for each endpoint. */
import { path, type Pairs } from '../api/client';
import { RequestError } from '../api/errors';
import type { EndpointPlan, FleetPlan } from '../api/types';
import { api } from '../live/session.svelte';
import { groupPlans, targetsText } from './fleet';

const AT_ONCE = 6;
/** as many as the route takes */
const MOST = 1000;

export type Targets = { ids: string[] } | { pairs: Pairs };

/** Throws RequestError. `progress` is told how many of how many were asked, where they are asked one by one. */
export async function fleetPlan(sets: string[], targets: Targets, signal: AbortSignal, progress: (done: number, of: number) => void = () => {}): Promise<FleetPlan> {
  try {
    const body = { Sets: sets, Targets: 'ids' in targets ? targets.ids : targetsText(targets.pairs) };
    return (await api.request<FleetPlan>('POST', 'plans', { body, signal })).body;
  } catch (failure) {
    if (!(failure instanceof RequestError) || ![404, 405].includes(failure.problem.status)) throw failure;
  }
  return oneByOne(sets, targets, signal, progress);
}

async function oneByOne(sets: string[], targets: Targets, signal: AbortSignal, progress: (done: number, of: number) => void): Promise<FleetPlan> {
  const ids = 'ids' in targets ? targets.ids : (await api.get<{ Id: string }[]>('endpoints', [...targets.pairs, ['slim', 'Params,Meta'], ['limit', String(MOST)]], signal)).map((endpoint) => endpoint.Id);
  const plans: EndpointPlan[] = [];
  const failed: { endpoint: string; reason: string }[] = [];
  const queue = [...ids];
  async function next(): Promise<void> {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      try {
        plans.push(await api.get<EndpointPlan>(path('endpoints', id, 'plan'), [['sets', sets.join(',')]], signal));
      } catch (failure) {
        if (signal.aborted) throw failure;
        failed.push({ endpoint: id, reason: failure instanceof Error ? failure.message : String(failure) });
      }
      progress(plans.length + failed.length, ids.length);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return groupPlans(sets, plans, failed, new Date().toISOString());
}
