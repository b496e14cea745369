/** Asks for failed jobs and for those that finished in the same time, and says what tells them apart. */
import type { Client, Pairs } from '../../api/client';
import type { Filter } from '../../api/filters';
import { TYPES } from '../../api/schema';
import { counted } from '../../text/en';
import { countBy, DIMENSIONS, findingsOf, type Counts, type Dimension, type Finding } from './shared';

export const MOST_JOBS = 5000;
const PAGE = 1000;
const REST_JOBS = 1000;
const MOST_MACHINES = 1000;
const KEYS_AT_ONCE = 100;
const MOST_ENDPOINTS = 1000;
const AT_ONCE = 4;

const JOB_FIELDS = ['Uuid', 'Machine', 'Endpoint', 'Task', 'Stage', 'Workflow', 'BootEnv', 'Context', 'StartTime'];
const MACHINE_FIELDS = ['Uuid', 'Name', 'Endpoint', 'Profiles', 'Pool', 'Arch', 'OS', 'Locked'];

type Body = Record<string, unknown>;

export interface Job {
  key: string;
  owner: string;
  machine: string;
  started: number;
  body: Body;
}

export interface Analysis {
  failed: number;
  /** failed jobs that were read; the newest */
  jobs: Job[];
  finished: number;
  restRead: number;
  machines: Map<string, Body>;
  findings: Finding[];
  /** what was not read or not compared, in sentences */
  gaps: string[];
  stale: Record<string, number>;
}

export interface Scope {
  since: Date;
  /** of the address */
  filters: readonly Filter[];
  /** of the bar */
  scope: Pairs;
}

/** Whose index a filter names: jobs know their own fields, the rest is of their machine or its endpoint. */
export function ownerOfFilter(filter: Filter): Dimension['of'] {
  if (filter.name in TYPES['jobs']!.indexes) return 'job';
  return DIMENSIONS.find((known) => known.name === filter.name)?.of ?? 'job';
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : value === undefined || value === null || value === '' ? [] : [String(value)]);

/** `A`, `Eq(A)` and `In(A,B)` are what findings write; nothing else is narrowed by here. */
function fits(body: Body | undefined, filter: Filter): boolean {
  const wanted = /^(?:In|Eq)\((.*)\)$/.exec(filter.value)?.[1]?.split(',') ?? [filter.value];
  return texts(body?.[filter.name]).some((value) => wanted.includes(value));
}

function jobOf(body: Body): Job {
  return { key: String(body['Uuid'] ?? ''), owner: String(body['Endpoint'] ?? ''), machine: String(body['Machine'] ?? ''), started: Date.parse(String(body['StartTime'] ?? '')), body };
}

export class Analyst {
  private readonly gaps: string[] = [];
  private stale: Record<string, number> = {};

  constructor(
    private readonly client: Client,
    private readonly features: ReadonlySet<string>,
    private readonly asked: Scope,
  ) {}

  async run(): Promise<Analysis> {
    const endpoints = await this.endpoints();
    const jobPairs = this.jobPairs(endpoints);
    const failedPairs: Pairs = [['Current', 'true'], ['State', 'failed'], ...jobPairs];
    const restPairs: Pairs = [['Current', 'true'], ['State', 'finished'], ...jobPairs];
    const [failed, rest] = await Promise.all([this.jobs(failedPairs, MOST_JOBS), this.jobs(restPairs, REST_JOBS)]);
    if (failed.count > failed.jobs.length) this.gaps.push(`Looked at the newest ${failed.jobs.length} of ${failed.count} failed jobs.`);
    const machines = await this.machinesOf([...failed.jobs.slice(0, MOST_MACHINES), ...rest.jobs]);
    if (failed.jobs.length > MOST_MACHINES) this.gaps.push(`Machines of the newest ${MOST_MACHINES} of them were read.`);
    const narrowing = this.asked.filters.filter((filter) => ownerOfFilter(filter) === 'machine');
    const kept = (jobs: Job[]) => (narrowing.length === 0 ? jobs : jobs.filter((job) => narrowing.every((filter) => fits(machines.get(job.machine), filter))));
    const [failedJobs, restJobs] = [kept(failed.jobs), kept(rest.jobs)];
    const exact = this.features.has('ux-group-by') && narrowing.length === 0;
    const findings = await this.findings(failedJobs, restJobs, machines, endpoints, exact ? { failed: failedPairs, rest: restPairs } : undefined);
    if (!exact && rest.count > rest.jobs.length) this.gaps.push(`Compared with ${rest.jobs.length} of ${rest.count} jobs that finished in this time.`);
    if (rest.count === 0) this.gaps.push('No job finished in this time, so there is nothing to compare with.');
    return { failed: narrowing.length === 0 ? failed.count : failedJobs.length, jobs: failedJobs, finished: rest.count, restRead: restJobs.length, machines, findings, gaps: this.gaps, stale: this.stale };
  }

  /** Filters about endpoints become filters by their ids. */
  private jobPairs(endpoints: ReadonlyMap<string, Body>): [string, string][] {
    const pairs: [string, string][] = [['StartTime', `Gte(${this.asked.since.toISOString()})`], ...(this.asked.scope as [string, string][])];
    for (const filter of this.asked.filters) {
      const of = ownerOfFilter(filter);
      if (of === 'job') pairs.push([filter.name, filter.value]);
      if (of === 'endpoint') pairs.push(['Endpoint', `In(${[...endpoints].filter(([, body]) => fits(body, filter)).map(([id]) => id).join(',')})`]);
    }
    return pairs;
  }

  private fields(names: readonly string[]): [string, string] {
    return this.features.has('ux-fields') ? ['fields', names.join(',')] : ['slim', 'Params,Meta'];
  }

  private async endpoints(): Promise<Map<string, Body>> {
    const found = await this.client.get<Body[]>('endpoints', [['limit', String(MOST_ENDPOINTS)], this.fields(['Id', 'DRPVersion', 'VersionSets', 'VersionSet'])]).catch(() => [] as Body[]);
    if (found.length === MOST_ENDPOINTS) this.gaps.push(`Versions and sets of the first ${MOST_ENDPOINTS} endpoints were read.`);
    return new Map(found.map((body) => [String(body['Id']), body]));
  }

  private async jobs(pairs: Pairs, most: number): Promise<{ count: number; jobs: Job[] }> {
    const jobs: Job[] = [];
    let count = 0;
    for (let offset = 0; offset < most; offset += PAGE) {
      const answer = await this.client.request<Body[]>('GET', 'jobs', { query: [...pairs, ['sort', 'StartTime'], ['reverse', 'true'], ['limit', String(PAGE)], ...(offset > 0 ? [['offset', String(offset)] as const] : []), this.fields(JOB_FIELDS)] });
      jobs.push(...answer.body.map(jobOf));
      count = Number(answer.headers.get('X-DRP-LIST-FILTER-COUNT') ?? jobs.length);
      for (const part of (answer.headers.get('X-Mullion-Stale') ?? '').split(',')) {
        const [owner, age] = part.trim().split(';age=');
        if (owner && age !== undefined) this.stale[owner] = Number.parseFloat(age);
      }
      if (jobs.length >= count || answer.body.length < PAGE) break;
    }
    return { count, jobs };
  }

  private async machinesOf(jobs: readonly Job[]): Promise<Map<string, Body>> {
    const keys = [...new Set(jobs.map((job) => job.machine))].filter((key) => key !== '');
    const chunks = Array.from({ length: Math.ceil(keys.length / KEYS_AT_ONCE) }, (_, at) => keys.slice(at * KEYS_AT_ONCE, (at + 1) * KEYS_AT_ONCE));
    const machines = new Map<string, Body>();
    let next = 0;
    const lane = async () => {
      for (let at = next++; at < chunks.length; at = next++) {
        const found = await this.client.get<Body[]>('machines', [['Uuid', `In(${chunks[at]!.join(',')})`], ['limit', String(2 * KEYS_AT_ONCE)], this.fields(MACHINE_FIELDS)]).catch(() => [] as Body[]);
        for (const body of found) machines.set(String(body['Uuid']), body);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const lost = keys.length - machines.size;
    if (lost > 0) this.gaps.push(`${counted(lost, 'machine')} could not be read; ${lost === 1 ? 'its' : 'their'} profiles, pools, architectures and systems are not counted.`);
    return machines;
  }

  private async findings(failed: Job[], rest: Job[], machines: ReadonlyMap<string, Body>, endpoints: ReadonlyMap<string, Body>, exact?: { failed: Pairs; rest: Pairs }): Promise<Finding[]> {
    const withMachine = (jobs: Job[]) => jobs.filter((job) => machines.has(job.machine));
    const all = await Promise.all(
      DIMENSIONS.map(async (dimension) => {
        if (dimension.of === 'machine') {
          const values = (job: Job) => texts(machines.get(job.machine)?.[dimension.name]);
          return findingsOf(dimension, countBy(withMachine(failed), values), countBy(withMachine(rest), values));
        }
        if (dimension.of === 'endpoint') {
          const values = (job: Job) => (dimension.name === 'VersionSets' ? [...texts(endpoints.get(job.owner)?.['VersionSets']), ...texts(endpoints.get(job.owner)?.['VersionSet'])] : texts(endpoints.get(job.owner)?.[dimension.name]));
          return findingsOf(dimension, countBy(failed, values), countBy(rest, values));
        }
        if (exact) {
          const counted = await Promise.all([this.counted(exact.failed, dimension.name), this.counted(exact.rest, dimension.name)]).catch(() => undefined);
          if (counted) return findingsOf(dimension, counted[0], counted[1]);
        }
        const values = (job: Job) => texts(job.body[dimension.name]);
        return findingsOf(dimension, countBy(failed, values), countBy(rest, values));
      }),
    );
    return all.flat();
  }

  /** Exact counts by value, made by the server. */
  private async counted(pairs: Pairs, name: string): Promise<Counts> {
    const answer = await this.client.request<{ Value?: string | null; Count: number; Rest?: boolean }[]>('GET', 'jobs', { query: [...pairs, ['group-by', name], ['limit', '200']] });
    const values = new Map<string, number>();
    for (const group of answer.body) if (!group.Rest && group.Value) values.set(group.Value, group.Count);
    return { of: answer.body.reduce((sum, group) => sum + group.Count, 0), values };
  }
}
