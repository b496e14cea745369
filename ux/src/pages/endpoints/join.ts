/** Joining an endpoint: what is asked of the server at each step. Nothing is stored before the certificate was looked at. */
import { shellWord } from '../../api/filters';
import type { Problem } from '../../api/errors';
import { shownCertificate, spelledFingerprint } from '../../parts/endpoint';

export interface Address {
  url: string;
  username: string;
  password: string;
  /** as pasted; empty: it is read from the server and compared by eye */
  fingerprint: string;
}

export const EMPTY_ADDRESS: Address = { url: '', username: '', password: '', fingerprint: '' };

/** `site-a:8092`, `10.0.0.1` are what people type; the port is the usual one. */
export function spelledUrl(typed: string): string {
  const text = typed.trim().replace(/\/+$/, '');
  if (text === '') return '';
  const full = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  const hasPort = /:\d+$/.test(full.replace(/^https?:\/\//i, '').replace(/^\[[^\]]*\]/, ''));
  return hasPort ? full : `${full}:8092`;
}

export type Faults = Partial<Record<keyof Address, string>>;

export function faultsOf(address: Address): Faults {
  const faults: Faults = {};
  const url = spelledUrl(address.url);
  let parsed: URL | undefined;
  try {
    parsed = new URL(url);
  } catch {
    faults.url = 'Not an address: expected HOST, HOST:PORT or https://HOST:PORT';
  }
  if (address.url.trim() === '') faults.url = 'Say where it is: HOST, HOST:PORT or https://HOST:PORT';
  else if (parsed && parsed.protocol !== 'https:') faults.url = 'Only https: its certificate says who answers';
  else if (parsed && (parsed.username || parsed.password)) faults.url = 'No login in the address: it belongs into the fields below';
  else if (parsed && parsed.pathname !== '/') faults.url = 'Without a path: expected https://HOST:PORT';
  if (address.username.trim() === '') faults.username = 'A user of that server';
  if (address.password === '') faults.password = 'The password of that user';
  const fingerprint = spelledFingerprint(address.fingerprint);
  if (fingerprint !== '' && !/^[0-9a-f]{64}$/.test(fingerprint)) faults.fingerprint = 'A SHA-256 has 64 hexadecimal digits';
  return faults;
}

/** No certificate has it, so the connection ends before the login is sent, and the refusal says which one is shown. */
export const NOBODYS_FINGERPRINT = '0'.repeat(64);

export function body(address: Address, fingerprint: string): Record<string, string> {
  return { 'manager/url': spelledUrl(address.url), 'manager/username': address.username.trim(), 'manager/password': address.password, 'manager/fingerprint': fingerprint };
}

export type Probe = { kind: 'certificate'; fingerprint: string } | { kind: 'problem'; problem: Problem };

/** What the refusal of the first request says. */
export function probed(problem: Problem): Probe {
  const fingerprint = shownCertificate(problem.messages);
  return fingerprint ? { kind: 'certificate', fingerprint } : { kind: 'problem', problem };
}

/** The field that a refusal is about, so that the focus goes there. */
export function fieldOf(problem: Problem): keyof Address | undefined {
  const words = problem.messages.join(' ');
  if (/login refused/.test(words)) return 'password';
  if (/fingerprint|certificate/.test(words)) return 'fingerprint';
  if (/manager\/url|connect|resolve|own address|timed out/.test(words)) return 'url';
  return undefined;
}

/** Without the password: it is asked for, so that it is in no history of a shell. */
export function command(address: Address): string {
  return `mullion endpoints add ${shellWord(spelledUrl(address.url) || 'https://HOST:PORT')} ${shellWord(address.username || 'USERNAME')} --password -`;
}
