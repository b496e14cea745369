/** Words and order of the states an endpoint can be counted by. */
import { TOUCHES, type Compliance, type Node, type Touch } from '../../parts/endpoint';
import type { StateKind } from '../../parts/state';

export const TOUCH_ORDER = Object.keys(TOUCHES) as Touch[];

export const COMPLIANCE_WORDS: Record<Compliance, { kind: StateKind; word: string }> = {
  declared: { kind: 'ok', word: 'as declared' },
  todo: { kind: 'working', word: 'to do' },
  stopped: { kind: 'failed', word: 'stopped' },
  unplanned: { kind: 'waiting', word: 'cannot be planned' },
  unset: { kind: 'off', word: 'without sets' },
  unmanaged: { kind: 'off', word: 'not managed' },
};

export const inState = (node: Node, state: string): boolean => state === '' || node.state.touch === state || node.compliance.id === state;

export const VIEWS = ['tree', 'table', 'strip'] as const;
export type View = (typeof VIEWS)[number];

/** Up to so many the tree is what one sees first. */
export const TREE_UP_TO = 300;

export function viewOf(asked: string | undefined, count: number): View {
  const known = VIEWS.find((view) => view === asked);
  return known ?? (count <= TREE_UP_TO ? 'tree' : 'table');
}
