/** Members of a cluster and how many of them must stay. Pure. */
import type { NodeInfo as Told } from '../../api/types';
import { number } from '../../text/en';

/** A member as any server tells of one; servers that tell more name it `Hostname`, `Version`. */
export type NodeInfo = Partial<Told> & { Hostname?: string; Version?: string };

export type Role = 'leader' | 'follower' | 'observer' | 'offline' | 'alone';

export function rolesOf(nodes: readonly NodeInfo[], leader: string): Role[] {
  return nodes.map((node) => {
    if (node.Offline) return 'offline';
    if (nodes.length === 1) return 'alone';
    if (node.Observer) return 'observer';
    return node.ConsensusID !== undefined && node.ConsensusID === leader ? 'leader' : 'follower';
  });
}

/**
 * How far the copy of a member is behind, in words. `newest`: the most that any member has handled. Only the member that leads knows it of the others: one that does not
 * say it tells 0.
 */
export function behindText(node: NodeInfo, newest: number): string {
  const behind = node.LogBehind ?? (node.LastArtifactCommitHandled || newest === 0 ? newest - (node.LastArtifactCommitHandled ?? 0) : undefined);
  return behind === undefined ? 'not known here' : behind === 0 ? 'all here' : `${number(behind)} behind`;
}

/** What it lacks of the files that all members are to have; '' where no member says so. */
export const filesText = (node: NodeInfo): string => (node.FilesMissing === undefined ? '' : node.FilesMissing === 0 ? 'all here' : `${number(node.FilesMissing)} missing`);

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

/** What a hand-over is judged by, beside the members. */
export interface Handing {
  /** ConsensusID of the member that serves; '' while nobody does */
  active: string;
  /** of the member that answers this page, which may be a passive one */
  asked: string;
  /** what the server says of some member that could take over; undefined: it did not say */
  safe: boolean | undefined;
}

/** entries; a server calls a member in sync up to here */
const IN_SYNC = 1000;

/** Why this member may not be handed the lead now, in words, with the sum where the majority is in danger; '' when it may. */
export function handOverWhy(nodes: readonly NodeInfo[], node: NodeInfo, { active, asked, safe }: Handing): string {
  const { members, online, needed } = votes(nodes);
  const behind = Math.max(0, ...nodes.map((known) => known.LastArtifactCommitHandled ?? 0)) - (node.LastArtifactCommitHandled ?? 0);
  if (nodes.length <= 1) return 'It is the only member: there is nobody to hand over to';
  if (active === '') return 'No member serves now: one takes over by itself as soon as a majority is up';
  if (node.ConsensusID === active) return 'It serves already';
  if (node.Observer) return 'An observer votes and stores, and never serves';
  if (node.Offline) return 'It is not reached now';
  if (online - 1 < needed) return `${online} of ${members} are up and ${needed} must stay; the one that hands over starts anew, and meanwhile ${online - 1} would be`;
  if (behind > IN_SYNC) return `It is still catching up: ${behind} behind`;
  if (safe === false) return 'No other member has everything yet: wait until it may fail over safely';
  if (asked !== active && asked !== node.ConsensusID) return 'A passive member answers this page, and can take the lead for itself only: open the page at the member that serves';
  return '';
}

/** The request that makes this member serve: the one that serves gives the lead away, a passive one asks for it. */
export function handOverTarget(node: NodeInfo, { active, asked }: Handing): string {
  return asked === active ? `system/passive?to=${encodeURIComponent(node.ConsensusID ?? '')}` : 'system/active';
}

/** `2 of 3 must stay; 3 are up, so 1 may be lost` */
export function majorityText(nodes: readonly NodeInfo[]): string {
  const { members, online, needed, spare } = votes(nodes);
  const lost = spare > 0 ? `so ${spare} may be lost` : spare === 0 ? 'so none may be lost' : `which is ${-spare} too few: nothing can be written`;
  return `${needed} of ${members} must stay; ${online} ${online === 1 ? 'is' : 'are'} up, ${lost}`;
}

/** What `GET system/upgrade` of a cluster tells. */
export interface Upgrade {
  State: string;
  To?: string;
  Text: string;
  Members?: { ConsensusID: string; Version: string; Stage: string; Text: string }[];
}

/**
 * Why no member may be brought to another version now, or not this one, in words and with the sum where the majority is in danger; '' when it may.
 * `node` absent: all of them.
 */
export function upgradeWhy(nodes: readonly NodeInfo[], upgrade: Upgrade | undefined, safe: boolean | undefined, node?: NodeInfo): string {
  const { members, online, needed } = votes(nodes);
  const away = nodes.filter((known) => known.Offline);
  if (upgrade === undefined) return 'The server does not say how upgrades stand';
  if (upgrade.State === 'pending') return `An upgrade to ${upgrade.To ?? 'another version'} is under way`;
  if (node?.Offline) return 'It is not reached now';
  if (!node && away.length > 0) return `${away.length} of ${nodes.length} ${away.length === 1 ? 'is' : 'are'} not reached now`;
  if (members > 2 && !node?.Observer && online - 1 < needed) return `${online} of ${members} are up and ${needed} must stay; while one restarts ${online - 1} would be`;
  if (members > 1 && safe === false) return 'No other member has everything yet: wait until it may fail over safely';
  return '';
}
