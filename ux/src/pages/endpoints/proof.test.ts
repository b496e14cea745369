import { expect, test } from 'vitest';
import { isOpen, proofOf, type Round, type Told } from './proof';

const told = (Owner: string, ...entries: [string, string, number?][]): Told[] => entries.map(([Type, Digest, Count = 1]) => ({ Type, Owner, Digest, Count }));
const round = (there: [string, string, number?][], here: [string, string, number?][]): Round => ({ there: told('', ...there), here: [...told('A', ...here), ...told('', ['machines', 'ours'])] });
const all = () => true;
const verdicts = (rounds: Round[]) => proofOf(rounds, 'A', all).map(({ type, verdict }) => `${type} ${verdict}`);

test('equal digests are a proof at once; different ones only when nothing moves', () => {
  expect(verdicts([round([['machines', '1'], ['jobs', '2']], [['machines', '1'], ['jobs', '1']])])).toEqual(['jobs moving', 'machines equal']);
  expect(verdicts([round([['jobs', '2']], [['jobs', '1']]), round([['jobs', '3']], [['jobs', '2']])])).toEqual(['jobs moving']);
  expect(verdicts([round([['jobs', '2']], [['jobs', '1']]), round([['jobs', '2']], [['jobs', '2']])])).toEqual(['jobs equal']);
  expect(verdicts([round([['jobs', '2']], [['jobs', '1']]), round([['jobs', '2']], [['jobs', '1']])])).toEqual(['jobs differs']);
});

test('what is on one side only differs, with both counts', () => {
  const rounds = [round([['jobs', '2', 4]], []), round([['jobs', '2', 4]], [])];
  expect(proofOf(rounds, 'A', all)).toEqual([{ type: 'jobs', verdict: 'differs', there: 4, here: 0 }]);
});

test('empty collections, those that are not copied and objects of others do not count', () => {
  expect(proofOf([round([['interfaces', 'x', 3], ['empty', '0', 0]], [])], 'A', (type) => type !== 'interfaces')).toEqual([]);
  expect(proofOf([{ there: told('B', ['machines', 'b']), here: told('B', ['machines', 'c']) }], 'A', all)).toEqual([]);
  expect(proofOf([], 'A', all)).toEqual([]);
});

test('another round is asked while something moves', () => {
  expect([isOpen([]), isOpen([{ type: 'a', verdict: 'equal', there: 1, here: 1 }]), isOpen([{ type: 'a', verdict: 'moving', there: 1, here: 2 }])]).toEqual([false, false, true]);
});
