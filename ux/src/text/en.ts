/** Every text of the interface that more than one place says, or that a translator must see. */

const numbers = new Intl.NumberFormat('en');
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'narrow' });
const plural = new Intl.PluralRules('en');

export function number(value: number): string {
  return numbers.format(value);
}

/** `1 machine`, `2 machines`. */
export function counted(value: number, one: string, many = one + 's'): string {
  return `${number(value)} ${plural.select(value) === 'one' ? one : many}`;
}

/** So many objects of a collection: `1 machine`, `2 catalog items`. */
export function countedOf(value: number, prefix: string): string {
  const many = prefix.replaceAll('_', ' ');
  return counted(value, many.replace(/s$/, ''), many);
}

/** A length of time in the unit that reads best: `4 s`, `12 min`, `3 h`, `2 d`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** A short length of time: `0.7 ms`, `12 ms`, `1.2 s`. */
export function milliseconds(seconds: number): string {
  const ms = seconds * 1000;
  return ms >= 1000 ? `${seconds.toFixed(1)} s` : ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

/** `4s ago`, of a time that the server gave, by the server's clock. */
export function ago(seconds: number): string {
  if (seconds < 60) return relative.format(-Math.round(seconds), 'second');
  if (seconds < 3600) return relative.format(-Math.round(seconds / 60), 'minute');
  if (seconds < 86400) return relative.format(-Math.round(seconds / 3600), 'hour');
  return relative.format(-Math.round(seconds / 86400), 'day');
}

/** `03:12:07`, where the person is. */
export function timeOfDay(time: number | string = Date.now()): string {
  return new Date(time).toLocaleTimeString('en', { hourCycle: 'h23' });
}

export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let at = 0;
  let shown = value;
  while (shown >= 1024 && at < units.length - 1) {
    shown /= 1024;
    at++;
  }
  return `${shown >= 10 || at === 0 ? Math.round(shown) : shown.toFixed(1)} ${units[at]}`;
}

export const en = {
  product: 'Mullion',
  skip: 'Skip to the content',
  unloaded: {
    title: 'This page is not here yet',
    away: 'The server does not answer',
    comes: 'This page was not opened before, so nothing of it is in the browser. It opens by itself as soon as the server answers.',
    missing: 'A part of this page is not at the server: it may be newer than what is open here',
    reload: 'Reload the interface',
  },
  nav: {
    label: 'Pages',
    waiting: (many: number) => `${number(many)} ${many === 1 ? 'waits' : 'wait'} for a person`,
    now: 'Now',
    estate: 'Estate',
    endpoints: 'Endpoints',
    machines: 'Machines',
    failures: 'Failures',
    jobs: 'Jobs',
    change: 'Change',
    versionSets: 'Version sets',
    rollouts: 'Rollouts',
    plan: 'Fleet plan',
    catalog: 'Catalog',
    files: 'Files, isos',
    build: 'Build',
    content: 'Content',
    params: 'Params',
    objects: 'All collections',
    server: 'Server',
    cluster: 'Cluster',
    events: 'Events',
    access: 'Access',
    system: 'System',
    me: 'Me',
    fold: 'Fold the navigation',
  },
  bar: {
    search: 'Search or run a command',
    scopeAll: 'All endpoints',
    scope: 'Scope',
    problems: 'Problems of this server',
    waiting: 'Waits for a person',
    flag: (problems: number, waiting: number) => [...(problems > 0 ? [counted(problems, 'problem') + ' of this server'] : []), ...(waiting > 0 ? [en.nav.waiting(waiting)] : [])].join(', '),
    live: 'Live updates',
    account: 'Account',
  },
  live: {
    connecting: 'connecting',
    live: 'live',
    paused: 'paused',
    polling: 'asked every 5 s',
    down: 'not connected',
    away: 'Not connected: nothing can be changed until the server answers',
  },
  login: {
    title: 'Log in',
    again: 'Your login has ended',
    againHint: 'What you were doing is kept; it goes on afterwards.',
    user: 'User',
    password: 'Password',
    submit: 'Log in',
    refused: 'User or password is not right.',
  },
  filter: {
    label: 'Filter',
    hint: 'Index=value, In(a,b), Lt(5), or plain words',
    clear: 'Clear all',
    unknown: (name: string) => `No index is called ${name}; nothing will match.`,
    param: (name: string) => `Compared as the parameter ${name}`,
    remove: (text: string) => `Remove filter ${text}`,
  },
  list: {
    columns: 'Columns',
    view: 'View',
    copy: 'Copy',
    add: 'New',
    of: (found: number, all: number) => (found === all ? number(all) : `${number(found)} of ${number(all)}`),
    selected: (count: number) => `${number(count)} selected`,
    selectAll: (count: number) => `Select all ${number(count)} that match`,
    changed: (count: number) => `${number(count)} new, order may have changed`,
    notSortable: 'This index has no order',
    notIndexed: 'No index: cannot be sorted by',
    nothing: (what: string) => `No ${what} here yet`,
    nothingFits: (what: string) => `None of the ${what} fits these filters`,
    notKnown: (what: string) => `not known: you may not see ${what}`,
    notDeleted: (count: number) => `${number(count)} could not be deleted`,
    whatIDid: 'See what I did',
    hidden: 'not for you to see',
    notAllowed: (what: string) => `You may not see ${what} here`,
    noneSeen: (what: string) => `No ${what} here that you may see`,
  },
  object: {
    save: 'Save',
    saving: 'Saving',
    discard: 'Discard changes',
    remove: 'Delete',
    clone: 'Clone',
    form: 'Form',
    params: 'Params',
    json: 'JSON',
    yaml: 'YAML',
    references: 'Used by',
    gone: 'No object with this key that you may see.',
    ambiguous: 'Several owners have an object with this key.',
    changedByOther: (who: string) => `${who} changed this just now`,
    fromPack: (pack: string) => `From ${pack}; an object of a pack cannot be changed here.`,
    nothingChanged: 'Nothing is changed yet',
    unmade: 'The server made nothing: there is no work for what you named.',
  },
  outcome: {
    done: 'done',
    pending: (owner: string) => `written at ${owner}, copy on its way`,
    arrived: (owner: string) => `done: written at ${owner}, and the copy here has it`,
    late: (owner: string) => `written at ${owner}, and still not in the copy here`,
    refused: 'refused',
    cancelled: 'Cancelled before all of it was sent. Nothing was changed.',
    conflict: 'somebody else changed this meanwhile',
    unreachable: (owner: string) => `${owner || 'The owner'} is not reachable. Nothing was changed.`,
    unknown: 'It may have been carried out.',
    look: 'Look at it now',
  },
  sending: {
    label: 'Uploads',
    bar: (name: string) => `Sent of ${name}`,
    checked: (name: string) => `Read of ${name} for its checksum`,
    phases: {
      waiting: 'waits',
      sending: 'sending',
      judging: 'sent; the server is checking it',
      comparing: 'comparing checksums',
      done: 'uploaded, checksums are equal',
      different: 'arrived different from what was read here',
      paused: 'paused',
      cancelled: 'cancelled',
      failed: 'failed',
    },
    of: (sent: number, total: number) => `${bytes(sent)} of ${bytes(total)}`,
    rate: (perSecond: number) => `${bytes(perSecond)}/s`,
    left: (seconds: number) => `about ${duration(seconds)} left`,
    stalled: (seconds: number) => `nothing was sent for ${duration(seconds)}`,
    begun: (name: string, total: number) => `${name}: sending ${bytes(total)}`,
    percent: (name: string, percent: number) => `${name}: ${percent} % sent`,
    told: (name: string, phase: string) => `${name}: ${phase}`,
    nothingLeft: 'Nothing of it is at the server.',
    stays: 'The server could not be told: what was sent stays there for a day, and nobody sees it.',
    leaving: 'An upload is under way. What is sent stays at the server for a day. Leave this page?',
    advice: {
      resume: 'The server keeps what it has for a day. Go on as soon as it answers.',
      again: 'The server takes nothing that it has not whole. Send it again as soon as it answers.',
      full: 'Its disk is full: make room there first.',
      large: 'It is larger than the server takes (its option --max-upload).',
      taken: 'Wait until the other upload has ended, or give this one another name.',
      busy: 'Try again in a moment.',
      log: 'The log of the server says more, under the number of the request.',
    },
  },
  ask: {
    button: 'Ask sites now',
    title: 'Asked at the sites, now',
    hint: (what: string) => `Each site is asked for its own ${what} with the filters of this list. It changes nothing: the list goes on showing the copies, which follow by themselves once a site is in touch again.`,
    begun: (sites: number) => `${counted(sites, 'site')} asked:`,
    answered: (site: string, ms: number, version: string) => `${site} answered in ${ms < 1000 ? `${Math.round(ms)} ms` : duration(ms / 1000)}: ${version}`,
    silent: (site: string, why: string) => `${site} does not answer now. ${why}`,
    late: (seconds: number) => `No answer within ${seconds} s.`,
    progress: 'Sites that were asked',
    answers: 'Answers of the sites',
    counted: (most: number) => `More than ${number(most)}: only their number was compared.`,
    left: (sites: number) => `${counted(sites, 'site')} with old copies ${sites === 1 ? 'was' : 'were'} not asked yet.`,
    summary: (answered: number, differ: number, silent: number, stopped: number) =>
      [
        `${counted(answered, 'site')} answered`,
        ...(answered > 0 ? [differ > 0 ? `${number(differ)} with other than what is shown here` : 'with what is shown here'] : []),
        ...(silent > 0 ? [`${number(silent)} did not`] : []),
        ...(stopped > 0 ? [`${number(stopped)} not asked to the end: stopped`] : []),
      ].join(', ') + '.',
  },
  rights: {
    why: 'Why can’t I?',
    needed: (claim: string) => `Needed: ${claim}`,
    have: 'Your claims',
    press: (claim: string) => `You may not ${claim}. Press to see why.`,
  },
  problem: {
    again: 'Ask again',
    copy: 'Copy report',
    asOf: (time: string) => `What is shown below is as it was at ${time}.`,
    reload: 'Reload this part',
    crashed: 'This part of the page failed',
    request: (id: string) => `Request ${id}`,
  },
  copied: (what: string) => `${what} copied`,
} as const;

/** A value as one line of text. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value.startsWith('0001-01-01T') ? '' : value.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z?.*$/, '$1 $2');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cellText).join(', ');
  if (typeof value === 'object') {
    const size = Object.keys(value).length;
    return size === 0 ? '' : `${size} ${size === 1 ? 'entry' : 'entries'}`;
  }
  return String(value);
}
