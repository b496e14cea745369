/** All version sets, followed: there are some dozens of them. */
import type { VersionSet } from '../../api/types';
import { Followed } from '../../live/followed.svelte';
import { api } from '../../live/session.svelte';

export type ListedSet = VersionSet & { Endpoint?: string; Bundle?: string; LastModifiedBy?: string; LastModifiedAt?: string };

export class Sets extends Followed<ListedSet> {
  constructor() {
    super('version_sets');
  }

  protected load(): Promise<ListedSet[]> {
    return api.get<ListedSet[]>('version_sets', [['limit', '2000'], ['sort', 'Id']]);
  }
}
