/** Blanks that a reader of the source sees and a reader of the page does not: the compiler drops those at both ends of a block. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCES = join(__dirname, '..');
/** a block that begins, or ends, with a blank inside of a line */
const LOST = [/\{(?:#(?:if|each|key|snippet)|:else)[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\} +\S/, /\S +\{(?:\/(?:if|each|key)|:else)/];

const markupOf = (source: string) => source.replace(/<script[^]*?<\/script>|<style[^]*?<\/style>|<!--[^]*?-->/g, (part) => part.replace(/[^\n]/g, ''));

export function lostBlanks(source: string): string[] {
  return markupOf(source)
    .split('\n')
    .flatMap((line, at) => (LOST.some((pattern) => pattern.test(line.trim())) ? [`${at + 1}: ${line.trim().slice(0, 120)}`] : []));
}

test.each([
  ['<a>x</a>{#if y} <b>z</b>{/if}', 1],
  ['{#if y}z {/if}w', 1],
  ['{#if y}z {:else}w{/if}', 1],
  ["<a>x</a>{#if y}{' '}<b>z</b>{/if}", 0],
  ['  {#if y}<b>z</b>{/if}', 0],
  ['{x} {#if y}<b>z</b>{/if}', 0],
  ['{#if f({ a: 1 })} <b>z</b>{/if}', 1],
])('%s', (source, count) => expect(lostBlanks(source)).toHaveLength(count));

test('no page loses one', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.svelte'));
  expect(files.length).toBeGreaterThan(100);
  expect(files.flatMap((name) => lostBlanks(readFileSync(join(SOURCES, name), 'utf8')).map((line) => `${name}:${line}`))).toEqual([]);
});
