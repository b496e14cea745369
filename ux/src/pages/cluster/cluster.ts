/** Members of a cluster and how many of them must stay. Pure. */

export interface NodeInfo {
  ConsensusID?: string;
  ConsensusAddr?: string;
  ApiUrl?: string;
  VirtInterface?: string;
  Passive?: boolean;
  Observer?: boolean;
  Offline?: boolean;
  LastArtifactCommitHandled?: number;
  /** servers that tell more name it so */
  Hostname?: string;
  Version?: string;
}

export type Role = 'leader' | 'follower' | 'observer' | 'offline' | 'alone';

export function rolesOf(nodes: readonly NodeInfo[], leader: string): Role[] {
  return nodes.map((node) => {
    if (node.Offline) return 'offline';
    if (nodes.length === 1) return 'alone';
    if (node.Observer) return 'observer';
    return node.ConsensusID !== undefined && node.ConsensusID === leader ? 'leader' : 'follower';
  });
}

/** Votes, and how many of them a majority is: observers do not vote. */
export function votes(nodes: readonly NodeInfo[]): { members: number; online: number; needed: number; spare: number } {
  const voting = nodes.filter((node) => !node.Observer);
  const online = voting.filter((node) => !node.Offline).length;
  const needed = Math.floor(voting.length / 2) + 1;
  return { members: voting.length, online, needed, spare: online - needed };
}

/** Why a member may not be taken away now, with the sum; '' when it may. */
export function removalWhy(nodes: readonly NodeInfo[], node: NodeInfo): string {
  const { members, online, needed } = votes(nodes);
  if (nodes.length === 1) return 'It is the only member: 1 of 1 must stay';
  if (node.Observer) return '';
  const left = members - 1;
  const majority = Math.floor(left / 2) + 1;
  const stay = online - (node.Offline ? 0 : 1);
  if (stay < majority) return `${online} of ${members} are up and ${needed} must stay; without it ${stay} of ${left} would be, and ${majority} are needed`;
  return '';
}

/** `2 of 3 must stay; 3 are up, so 1 may be lost` */
export function majorityText(nodes: readonly NodeInfo[]): string {
  const { members, online, needed, spare } = votes(nodes);
  const lost = spare > 0 ? `so ${spare} may be lost` : spare === 0 ? 'so none may be lost' : `which is ${-spare} too few: nothing can be written`;
  return `${needed} of ${members} must stay; ${online} ${online === 1 ? 'is' : 'are'} up, ${lost}`;
}
