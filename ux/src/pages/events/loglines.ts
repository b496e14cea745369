/** Lines of the server's own log, as its API gives them. */
export interface LogLine {
  Seq: number;
  Time: string;
  Level: string;
  Service: string;
  Message: string;
  Principal: string;
}

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'panic', 'audit'] as const;

/** The request a line is about. */
export function requestOf(message: string): string {
  return /\bid=([0-9a-f]{8,})\b/.exec(message)?.[1] ?? '';
}

export interface Wanted {
  /** this level and worse; empty: all */
  level: string;
  text: string;
  /** id of one request */
  trace: string;
}

export function fits(line: LogLine, wanted: Wanted): boolean {
  if (wanted.level !== '' && LEVELS.indexOf(line.Level as (typeof LEVELS)[number]) < LEVELS.indexOf(wanted.level as (typeof LEVELS)[number])) return false;
  if (wanted.trace !== '' && !line.Message.includes(wanted.trace)) return false;
  const text = wanted.text.toLowerCase();
  return text === '' || line.Message.toLowerCase().includes(text) || line.Service.toLowerCase().includes(text);
}
