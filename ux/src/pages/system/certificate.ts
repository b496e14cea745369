/** What a certificate says about itself: just enough of DER to read whom it names and when it ends. */

export interface Certificate {
  subject: string;
  from: Date;
  to: Date;
  /** the names it is for */
  names: string[];
  der: Uint8Array;
}

interface Node {
  tag: number;
  start: number;
  end: number;
}

/** One element at `at`; undefined where the bytes end before it does. */
function nodeAt(der: Uint8Array, at: number): Node | undefined {
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  let length = first;
  let start = at + 2;
  if (first & 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) return undefined;
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (der[start + i] ?? 0);
    start += count;
  }
  return start + length > der.length ? undefined : { tag, start, end: start + length };
}

function children(der: Uint8Array, node: Node): Node[] {
  const found: Node[] = [];
  for (let at = node.start; at < node.end; ) {
    const child = nodeAt(der, at);
    if (!child) break;
    found.push(child);
    at = child.end;
  }
  return found;
}

const text = (der: Uint8Array, node: Node) => new TextDecoder().decode(der.subarray(node.start, node.end));

/** UTCTime has two digits of the year: below 50 they are of this century. */
function timeOf(der: Uint8Array, node: Node): Date {
  const digits = text(der, node);
  const full = node.tag === 0x17 ? (Number(digits.slice(0, 2)) < 50 ? '20' : '19') + digits : digits;
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(full) ?? [];
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

const COMMON_NAME = '550403';
const ALTERNATIVE_NAMES = '551d11';
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function commonName(der: Uint8Array, name: Node): string {
  for (const set of children(der, name)) {
    for (const pair of children(der, set)) {
      const [kind, value] = children(der, pair);
      if (kind && value && hex(der.subarray(kind.start, kind.end)) === COMMON_NAME) return text(der, value);
    }
  }
  return '';
}

function namesOf(der: Uint8Array, parts: readonly Node[]): string[] {
  const extensions = parts.find((part) => part.tag === 0xa3);
  const list = extensions && children(der, extensions)[0];
  for (const extension of list ? children(der, list) : []) {
    const fields = children(der, extension);
    const kind = fields[0];
    const value = fields.at(-1);
    if (!kind || !value || hex(der.subarray(kind.start, kind.end)) !== ALTERNATIVE_NAMES) continue;
    const names = nodeAt(der, value.start);
    return names ? children(der, names).flatMap((name) => nameOf(der, name)) : [];
  }
  return [];
}

function nameOf(der: Uint8Array, name: Node): string[] {
  const bytes = der.subarray(name.start, name.end);
  if (name.tag === 0x82) return [text(der, name)];
  if (name.tag === 0x87 && bytes.length === 4) return [bytes.join('.')];
  if (name.tag === 0x87 && bytes.length === 16) return [Array.from({ length: 8 }, (_, at) => (bytes[2 * at]! * 256 + bytes[2 * at + 1]!).toString(16)).join(':')];
  return [];
}

/** The first certificate of a PEM text; undefined for what is none. */
export function readCertificate(pem: string): Certificate | undefined {
  const body = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem)?.[1];
  if (!body) return undefined;
  const der = Uint8Array.from(atob(body.replace(/\s/g, '')), (character) => character.charCodeAt(0));
  const whole = nodeAt(der, 0);
  const inside = whole && children(der, whole)[0];
  if (!inside) return undefined;
  const parts = children(der, inside);
  const fields = parts[0]?.tag === 0xa0 ? parts.slice(1) : parts;
  const [validity, subject] = [fields[3], fields[4]];
  const [from, to] = validity ? children(der, validity) : [];
  if (!from || !to || !subject) return undefined;
  return { subject: commonName(der, subject), from: timeOf(der, from), to: timeOf(der, to), names: namesOf(der, parts), der };
}

/** `05d3 83e8 ...`, to be compared by eye and by voice. */
export function grouped(fingerprint: string): string {
  return fingerprint.toLowerCase().replace(/[^0-9a-f]/g, '').replace(/(.{4})(?=.)/g, '$1 ');
}

export async function fingerprintOf(der: Uint8Array): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', der as BufferSource)));
}

export type Validity = { kind: 'ok' | 'soon' | 'over' | 'early'; text: string };

const SOON_DAYS = 30;

export function validity(certificate: Pick<Certificate, 'from' | 'to'>, nowMs: number): Validity {
  const days = Math.floor((certificate.to.getTime() - nowMs) / 86400_000);
  if (nowMs < certificate.from.getTime()) return { kind: 'early', text: 'not valid yet' };
  if (days < 0) return { kind: 'over', text: `ended ${-days} d ago` };
  return { kind: days < SOON_DAYS ? 'soon' : 'ok', text: `ends in ${days} d` };
}
