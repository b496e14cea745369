/** What holds for everybody on the page that is shown, in whatever way it is looked at. */
import type { Page } from 'playwright-core';
import { axe, COLOUR_RULES } from './harness';

interface Look {
  theme: 'light' | 'dark';
  forced: boolean;
  width: number;
  height: number;
  /** of the browser's usual size */
  text: string;
  /** which rules can give another answer than in the looks before */
  judged: 'all' | 'colours' | 'none';
}

export const LOOKS = {
  light: { theme: 'light', forced: false, width: 1280, height: 720, text: '', judged: 'all' },
  // Colours are the same at every width, and widths in every theme.
  'dark and wide': { theme: 'dark', forced: false, width: 1920, height: 1080, text: '', judged: 'colours' },
  'twice the text': { theme: 'light', forced: false, width: 1280, height: 720, text: '200%', judged: 'none' },
  'small and in forced colours': { theme: 'light', forced: true, width: 320, height: 640, text: '', judged: 'all' },
} as const satisfies Record<string, Look>;

/** What is wrong with how the page is laid out, once it is drawn so: what sticks out, and what moves. */
const laidOutWrong = (page: Page, size: string) =>
  page.evaluate(async (text) => {
    document.documentElement.style.fontSize = text;
    // Two frames: the first lays out, what that changes is drawn in the second.
    for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
    const boxes = [document.documentElement, ...document.querySelectorAll('main')];
    const out = boxes.flatMap((box) => {
      const by = box.scrollWidth - box.clientWidth;
      if (by <= 0) return [];
      const right = box.getBoundingClientRect().left + box.clientWidth;
      // What lies in a box that scrolls by itself is not at fault.
      const free = (element: Element): boolean => {
        for (let at = element.parentElement; at && at !== box; at = at.parentElement) if (getComputedStyle(at).overflowX !== 'visible') return false;
        return true;
      };
      const widest = [...box.querySelectorAll('*')].filter((element) => element.getBoundingClientRect().right > right + 0.5 && free(element));
      return [`${box.tagName} is ${by} px too wide: ${widest.slice(0, 3).map((element) => `${element.tagName}.${element.className} "${(element.textContent ?? '').slice(0, 30)}"`).join('; ')}`];
    });
    // Somebody asked for less motion.
    return [...out, ...document.getAnimations().map((animation) => `moves: ${String(animation.effect && (animation.effect as KeyframeEffect).target?.className)}`)];
  }, size);

/** Faults of the page, each with the look in which it shows; the page looks as it did before, afterwards. */
export async function faultsFor(page: Page, looks: readonly (keyof typeof LOOKS)[] = Object.keys(LOOKS) as (keyof typeof LOOKS)[]): Promise<string[]> {
  const before = page.viewportSize()!;
  const faults: string[] = [];
  for (const name of looks) {
    const look: Look = LOOKS[name];
    await page.emulateMedia({ colorScheme: look.theme, forcedColors: look.forced ? 'active' : 'none', reducedMotion: 'reduce' });
    await page.setViewportSize({ width: look.width, height: look.height });
    const found = await laidOutWrong(page, look.text);
    if (look.judged !== 'none') found.push(...(await axe(page, look.judged === 'all' ? undefined : COLOUR_RULES)));
    faults.push(...found.map((fault) => `${name}: ${fault}`));
  }
  await page.evaluate(() => (document.documentElement.style.fontSize = ''));
  await page.emulateMedia({ colorScheme: 'light', forcedColors: 'none', reducedMotion: 'reduce' });
  await page.setViewportSize(before);
  return faults;
}
