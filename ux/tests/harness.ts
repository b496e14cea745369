/** Real servers and a real browser for tests. Every process is ended by its id; every folder is removed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect, createServer, type Server as Listener, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

export const UX = join(dirname(fileURLToPath(import.meta.url)), '..');
export const BINARY = process.env['MULLION_BINARY'] ?? join(UX, '..', 'build', 'mullion');
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium-headless-shell';
/** Milliseconds for what must come: far above what anything takes on a busy machine, so that only a real fault meets it. */
const PATIENCE = 180_000;
const USER = 'rocketskates';
const PASSWORD = 'r0cketsk8ts';
export const ARTEFACTS = join(UX, 'tests', 'artefacts');

/** The interface that is tested; without a page in it the one that the program carries. */
const DIST = process.env['MULLION_UX_OUT'] ?? join(UX, 'dist');
const CARRIED = !existsSync(join(DIST, 'index.html'));

/** What the embedded pack is sent with; set here for servers that serve the folder files/ux. */
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; " +
  "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html mullion";

/** Where the ports of this worker begin: each has a hundred, below those that systems hand out to whoever asks. */
const PORTS = 100;
const FIRST_PORT = 12_000 + ((process.pid * 8 + Number(process.env['VITEST_POOL_ID'] ?? 0)) % 197) * PORTS;
let portsGiven = 0;

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** A port that nobody else takes before its server does. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORTS; tries++) {
    const port = FIRST_PORT + (portsGiven++ % PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${FIRST_PORT} on is free`);
}

export async function until<T>(what: string, condition: () => Promise<T | undefined | false>, patience = PATIENCE): Promise<T> {
  const end = Date.now() + patience;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const value = await condition();
      if (value) return value;
    } catch (failure) {
      last = failure;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`after ${patience} ms still not: ${what}; ${String(last ?? '')}`);
}

export class Server {
  private process: ChildProcess | undefined;
  /** the one that was killed is gone: its folder and ports are free */
  private gone: Promise<unknown> = Promise.resolve();
  private constructor(
    readonly id: string,
    readonly folder: string,
    readonly port: number,
    private readonly ports: number[],
    private readonly program: string,
    private readonly flags: readonly string[],
  ) {}

  /**
   * Starts a server that serves the built interface from files/ux, unless its binary carries one. With `own` it runs a copy of
   * the program in its folder, which an upgrade may replace.
   */
  static async start(id: string, { flags = [], own = false }: { flags?: readonly string[]; own?: boolean } = {}): Promise<Server> {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: build it, or name one in MULLION_BINARY`);
    const folder = mkdtempSync(join(tmpdir(), `mullion-ux-${id}-`));
    const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const program = own ? join(folder, 'mullion') : BINARY;
    if (own) cpSync(BINARY, program);
    const server = new Server(id, folder, ports[0]!, ports, program, flags);
    const files = join(folder, 'root', 'files', 'ux');
    mkdirSync(dirname(files), { recursive: true });
    if (!CARRIED) cpSync(DIST, files, { recursive: true });
    await server.launch();
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  async launch(): Promise<void> {
    await this.gone;
    const log = openSync(join(this.folder, 'log'), 'a');
    const [api, fixed, secure, metrics] = this.ports.map(String);
    this.process = spawn(
      this.program,
      ['serve', '--base-root', join(this.folder, 'root'), '--drp-id', this.id, '--listen-address', '127.0.0.1', '--api-port', api!, '--static-port', fixed!, '--static-secure-port', secure!, '--metrics-port', metrics!, ...this.flags],
      { stdio: ['ignore', log, log] },
    );
    await until(`${this.id} answers`, async () => (await this.call('GET', 'info')).status === 200);
  }

  call(method: string, path: string, body?: unknown, login = `${USER}:${PASSWORD}`): Promise<{ status: number; headers: Record<string, unknown>; body: unknown }> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: this.port, path: path.startsWith('/') ? path : `/api/v3/${path}`, method, rejectUnauthorized: false, auth: login, headers: body === undefined ? {} : { 'Content-Type': 'application/json' } },
        (answer) => {
          let text = '';
          answer.on('data', (part: Buffer) => (text += part.toString()));
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text === '' ? null : parsed(text) }));
        },
      );
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async create(prefix: string, body: unknown): Promise<Record<string, unknown>> {
    const answer = await this.call('POST', prefix, body);
    if (answer.status !== 201) throw new Error(`POST ${prefix}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as Record<string, unknown>;
  }

  /** Time of processors that the server used since it began, seconds: what the kernel says, whoever else is busy. */
  processorSeconds(): number {
    const TICKS_A_SECOND = 100;
    const [, after = ''] = readFileSync(`/proc/${this.process!.pid}/stat`, 'utf8').split(/\) /);
    const fields = after.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  }

  kill(): void {
    const { process } = this;
    if (process?.exitCode === null) this.gone = new Promise((resolve) => process.once('exit', resolve));
    process?.kill('SIGKILL');
    this.process = undefined;
  }

  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  async stop(): Promise<void> {
    const { process } = this;
    if (process && process.exitCode === null) {
      const ended = new Promise((resolve) => process.once('exit', resolve));
      process.kill('SIGTERM');
      const timer = setTimeout(() => process.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A way to a server that a test cuts and mends: bytes go through as they are. */
export class Way {
  private readonly open = new Set<Socket>();
  /** those of the server */
  private readonly answering = new Set<Socket>();
  private whole = true;
  private held = false;
  private constructor(
    private readonly listener: Listener,
    readonly url: string,
  ) {}

  static async to(server: Server): Promise<Way> {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    const way = new Way(listener, `https://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
    listener.on('connection', (socket) => way.take(socket, server.port));
    return way;
  }

  private take(socket: Socket, port: number): void {
    if (!this.whole) return void socket.destroy();
    const onwards = connect(port, '127.0.0.1');
    if (this.held) onwards.pause();
    this.answering.add(onwards);
    for (const end of [socket, onwards]) {
      this.open.add(end);
      end.on('error', () => {}).on('close', () => [socket, onwards].forEach((other) => (this.open.delete(other), this.answering.delete(other), other.destroy())));
    }
    socket.pipe(onwards);
    onwards.on('data', (bytes: Buffer) => {
      if (!socket.write(bytes)) onwards.pause();
    });
    socket.on('drain', () => {
      if (!this.held) onwards.resume();
    });
  }

  /** What the server says stays here until `on` is false; what it is sent goes through. */
  holdAnswers(on: boolean): void {
    this.held = on;
    for (const socket of this.answering) socket[on ? 'pause' : 'resume']();
  }

  cut(): void {
    this.whole = false;
    for (const socket of this.open) socket.destroy();
  }

  mend(): void {
    this.whole = true;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.listener.close(resolve));
  }
}

export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

export interface Tab {
  page: Page;
  context: BrowserContext;
  /** what must stay empty: errors of the console, violations of the policy, exceptions */
  faults: string[];
}

interface TabOptions {
  theme?: 'light' | 'dark';
  width?: number;
  height?: number;
  /** whether a test looks at what the worker asks for: the tools see that of a tab's own worker only */
  ownWorker?: boolean;
}

/** A tab as a person has it: the policy is enforced, and everything that goes wrong is written down. */
export async function openTab(browser: Browser, server: Pick<Server, 'url'>, options: TabOptions = {}): Promise<Tab> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    colorScheme: options.theme ?? 'light',
    viewport: { width: options.width ?? 1280, height: options.height ?? 720 },
    reducedMotion: 'reduce',
    // The browser takes answers that a test fulfils for answers from the internet, whose pages may not ask local servers.
    permissions: ['clipboard-read', 'clipboard-write', 'local-network-access'],
  });
  context.setDefaultTimeout(PATIENCE);
  if (options.ownWorker) await context.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'));
  const tab = { context, faults: [] as string[] };
  if (!CARRIED) await enforcePolicy(context, server);
  return { ...tab, page: await anotherPage(tab) };
}

/** One more page of the same browser: they share what tabs of a browser share. */
export async function anotherPage({ context, faults }: Pick<Tab, 'context' | 'faults'>): Promise<Page> {
  const page = await context.newPage();
  if (process.env['MULLION_UX_DEBUG']) page.on('websocket', (socket) => socket.on('socketerror', (text) => console.log('websocket', text)));
  page.on('pageerror', (failure) => faults.push(`exception: ${failure.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  return page;
}

async function enforcePolicy(context: BrowserContext, server: Pick<Server, 'url'>): Promise<void> {
  await context.route(`${server.url}/ux/**`, async (route) => {
    const wanted = new URL(route.request().url());
    // A server that a test has killed answers nothing, as it would without this.
    let answer = await route.fetch().catch(() => undefined);
    if (!answer) return route.abort();
    // Deep links whose last segment has a dot are served by servers that carry the interface.
    if (answer.status() === 404 && route.request().isNavigationRequest()) answer = await route.fetch({ url: `${wanted.origin}/ux/` });
    // A tab that was closed meanwhile takes no answer any more.
    await route.fulfill({ response: answer, headers: { ...answer.headers(), 'content-security-policy': CSP } }).catch(() => {});
  });
}

export async function login(page: Page, server: Pick<Server, 'url'>, path = ''): Promise<void> {
  await page.goto(`${server.url}/ux/${path}`);
  await page.getByLabel('User').fill(USER);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1 }).waitFor();
}

/** What the page sends goes at so many bytes a second; -1: as fast as it can. */
export async function throttle(page: Page): Promise<(bytesPerSecond: number) => Promise<void>> {
  const tools = await page.context().newCDPSession(page);
  await tools.send('Network.enable');
  return async (uploadThroughput) => {
    await tools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
  };
}

/** What screen readers were told since: politely and at once. */
export async function announcements(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const heard: string[] = [];
    (window as { heard?: string[] }).heard = heard;
    for (const region of document.querySelectorAll('[aria-live]')) new MutationObserver(() => heard.push(region.textContent ?? '')).observe(region, { childList: true, characterData: true, subtree: true });
  });
  return () => page.evaluate(() => (window as { heard?: string[] }).heard ?? []);
}

let axeSource = '';

/** What another theme can change; everything else is the same in all of them. */
export const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

/** Rules of WCAG 2.0 to 2.2, A and AA, that the page breaks; nothing is excluded. `rules`: only these. */
export async function axe(page: Page, rules?: readonly string[]): Promise<string[]> {
  axeSource ||= readFileSync(join(UX, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
  // Through the debugger, so that the page's policy stays as it is.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
  const found = (await page.evaluate(`axe.run(document, { runOnly: ${rules ? `{ type: 'rule', values: ${JSON.stringify(rules)} }` : `['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']`}, resultTypes: ['violations'] })`)) as {
    passes: unknown[];
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  if (found.passes.length < (rules ? 1 : 10)) throw new Error(`axe judged by ${found.passes.length} rules only`);
  return found.violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.html.slice(0, 160)} (${node.failureSummary.replace(/\s+/g, ' ').slice(0, 200)})`));
}

/** Compares with a text in git; `MULLION_GOLDEN=write` renews it. */
export function golden(name: string, text: string): { expected: string; actual: string } {
  const file = join(UX, 'tests', 'aria', `${name}.yml`);
  if (process.env['MULLION_GOLDEN'] === 'write') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text + '\n');
  }
  return { expected: existsSync(file) ? readFileSync(file, 'utf8').trimEnd() : '', actual: text };
}

export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`) });
}

/** Servers of another make, with jobs that ran and failed as only their agents leave them; attached to a manager. */
export class ForeignFleet {
  private constructor(
    private readonly process: ChildProcess,
    readonly urls: Record<string, string>,
  ) {}

  static async start(spec: readonly { id: string; failed: number; finished: number; seed?: number; clock?: number }[]): Promise<ForeignFleet> {
    const child = spawn('/usr/bin/python3', [join(UX, 'tests', 'foreign_fleet.py'), JSON.stringify(spec)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const line = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stdout!.on('data', (part: Buffer) => (text += part.toString()).includes('\n') && resolve(text));
      child.once('exit', () => reject(new Error('the servers of another make did not start')));
    });
    return new ForeignFleet(child, JSON.parse(line) as Record<string, string>);
  }

  /** Makes `manager` one and waits until it shows all of them. */
  async attach(manager: Server): Promise<void> {
    await manager.call('POST', 'prefs', { manager: 'true' });
    for (const url of Object.values(this.urls)) {
      const answer = await manager.call('POST', 'plugins/manager/actions/addEndpoint', { 'manager/url': url, 'manager/username': USER, 'manager/password': PASSWORD });
      if (answer.status !== 200) throw new Error(`addEndpoint: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    for (const id of Object.keys(this.urls)) {
      await until(`${id} is in touch`, async () => String(((await manager.call('GET', `endpoints/${id}`)).body as Record<string, unknown>)['ConnectionStatus']).startsWith('Connected'));
    }
  }

  /** One of them goes dark. */
  silence(id: string): void {
    this.process.stdin!.write(`stop ${id}\n`);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.stdin!.end();
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }
}
