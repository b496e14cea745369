/** Numbers of the server over time: what the tab saw since it looks. */

export interface Sample {
  Labels: Record<string, string>;
  Value?: number;
  Count?: number;
  Sum?: number;
}

export interface Metric {
  Name: string;
  Kind: 'gauge' | 'counter' | 'histogram';
  Help: string;
  Samples: Sample[];
}

export interface Series {
  name: string;
  help: string;
  /** gauges: the value; counters and histograms: how much a second */
  perSecond: boolean;
  values: number[];
  labels: number;
}

export const KEPT = 60;

/** One number for all labels of a metric. */
export function totalOf(metric: Metric): number {
  return metric.Samples.reduce((sum, sample) => sum + (sample.Value ?? sample.Count ?? 0), 0);
}

interface Memory {
  at: number;
  total: number;
}

export class MetricsHistory {
  private readonly last = new Map<string, Memory>();
  private readonly values = new Map<string, number[]>();

  /** `at` in ms. Counters that went back, as after a restart, begin anew. */
  add(metrics: readonly Metric[], at: number): Series[] {
    return metrics.map((metric) => {
      const total = totalOf(metric);
      const perSecond = metric.Kind !== 'gauge';
      const before = this.last.get(metric.Name);
      this.last.set(metric.Name, { at, total });
      const list = this.values.get(metric.Name) ?? [];
      if (!perSecond) list.push(total);
      else if (before && at > before.at && total >= before.total) list.push(((total - before.total) * 1000) / (at - before.at));
      if (list.length > KEPT) list.shift();
      this.values.set(metric.Name, list);
      return { name: metric.Name, help: metric.Help, perSecond, values: [...list], labels: metric.Samples.length };
    });
  }
}

/** Those that a person looks at first. */
export const FIRST = new Set([
  'mullion_api_request_seconds', 'mullion_api_errors_total', 'mullion_api_connections', 'mullion_api_websockets', 'mullion_store_objects', 'mullion_store_commits_total',
  'mullion_store_commit_seconds', 'mullion_store_file_bytes', 'mullion_store_log_bytes', 'mullion_forward_seconds', 'mullion_replication_commits_total', 'mullion_replication_received_bytes_total',
  'mullion_endpoint_connected', 'mullion_pool_waiting', 'mullion_uptime_seconds',
]);

export function metricText(name: string, value: number | undefined): string {
  if (value === undefined) return '–';
  if (name.endsWith('_bytes') || name.includes('_bytes_')) return value >= 1e9 ? `${(value / 1e9).toFixed(2)} GB` : value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : value >= 1e3 ? `${(value / 1e3).toFixed(1)} KB` : `${Math.round(value)} B`;
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value >= 100 ? Math.round(value).toLocaleString('en') : value >= 1 ? value.toFixed(1) : value.toPrecision(2);
}
