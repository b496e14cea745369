import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NameBook, type Found } from './names';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function book(answer: (keys: string[]) => Promise<Found[]>) {
  const asked: string[][] = [];
  let told = 0;
  const names = new NameBook((keys) => (asked.push(keys), answer(keys)), () => told++);
  return { names, asked, told: () => told };
}

test('what is drawn together is asked for together, once; owners with equal keys are told apart', async () => {
  const { names, asked, told } = book(async () => [{ owner: 'A', key: '1', name: 'web-1' }, { owner: 'B', key: '1', name: 'db-1' }]);
  expect([names.of('A', '1'), names.of('B', '1'), names.of('A', '1'), names.of('A', '')]).toEqual(['', '', '', '']);
  await vi.advanceTimersByTimeAsync(100);
  expect(asked).toEqual([['1']]);
  expect(told()).toBe(1);
  expect([names.of('A', '1'), names.of('B', '1')]).toEqual(['web-1', 'db-1']);
});

test('what nobody shows is not asked for again; what could not be asked for is', async () => {
  let works = false;
  const { names, asked, told } = book(async () => (works ? [] : Promise.reject(new Error('cut'))));
  names.of('A', '1');
  await vi.advanceTimersByTimeAsync(100);
  expect([asked.length, told()]).toEqual([1, 0]);
  works = true;
  names.of('A', '1');
  await vi.advanceTimersByTimeAsync(100);
  names.of('A', '1');
  await vi.advanceTimersByTimeAsync(100);
  expect([asked.length, told()]).toEqual([2, 1]);
});

test('many are asked for a hundred at a time, and nothing after the page was left', async () => {
  const { names, asked } = book(async () => []);
  for (let at = 0; at < 250; at++) names.of('A', String(at));
  await vi.advanceTimersByTimeAsync(60);
  names.close();
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked.map((keys) => keys.length)).toEqual([100]);
});
