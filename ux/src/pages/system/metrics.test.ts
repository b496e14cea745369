import { expect, test } from 'vitest';
import { KEPT, metricText, MetricsHistory, type Metric } from './metrics';

const metric = (Kind: Metric['Kind'], ...values: number[]): Metric => ({ Name: 'm', Kind, Help: '', Samples: values.map((Value) => (Kind === 'histogram' ? { Labels: {}, Count: Value } : { Labels: {}, Value })) });

test('gauges are what they are, counters how much a second, over all labels', () => {
  const history = new MetricsHistory();
  expect(history.add([metric('gauge', 1, 2)], 0)[0]!.values).toEqual([3]);
  const counters = new MetricsHistory();
  expect(counters.add([metric('counter', 10)], 0)[0]!.values).toEqual([]);
  expect(counters.add([metric('counter', 20, 10)], 2000)[0]!.values).toEqual([10]);
  const histograms = new MetricsHistory();
  histograms.add([metric('histogram', 4)], 0);
  expect(histograms.add([metric('histogram', 8)], 1000)[0]).toMatchObject({ values: [4], perSecond: true });
});

test('a counter that went back begins anew, and no more than a minute is kept', () => {
  const history = new MetricsHistory();
  history.add([metric('counter', 100)], 0);
  expect(history.add([metric('counter', 5)], 1000)[0]!.values).toEqual([]);
  expect(history.add([metric('counter', 6)], 2000)[0]!.values).toEqual([1]);
  let series = history.add([metric('counter', 6)], 3000);
  for (let at = 4; at < 100; at++) series = history.add([metric('counter', 6)], at * 1000);
  expect(series[0]!.values).toHaveLength(KEPT);
});

test.each([['m_bytes', 1536, '1.5 KB'], ['m', 3, '3'], ['m', 0.01234, '0.012'], ['m', 1234.5, '1,235'], ['m', undefined, '–']])('%s %d is %s', (name, value, text) => {
  expect(metricText(name, value)).toBe(text);
});
