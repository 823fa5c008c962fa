import type { Page } from 'playwright-core';

declare global {
  interface Window {
    /** What had the focus last, and how it looked with it. */
    lastFocused?: { element: Element; name: string; look: string } | undefined;
  }
}

/** More presses than any page has elements to reach. */
const PRESSES = 400;
/** A page takes the focus once, when it has come. */
const WALKS = 3;

/** What tabbing through a page found. */
export interface Walk {
  /** How many elements took the focus. */
  stops: number;
  /** Elements whose focus cannot be seen, or which something covers, in words. */
  faults: string[];
}

/**
 * Tabs through a page from its top to its end. Each element that takes the focus must show it by an outline, a
 * shadow or a border that it does not have without the focus (WCAG 2.4.7), and must not lie under anything
 * (2.4.11).
 */
export async function tabThrough(page: Page): Promise<Walk> {
  for (let walks = 0; walks < WALKS; walks += 1) {
    const walk = await walkThrough(page);
    if (walk !== undefined) return walk;
  }
  throw new Error(`the page took the focus away in each of ${WALKS} walks`);
}

/** One walk; nothing where the page moved the focus meanwhile, as to the heading of a page that has just come. */
async function walkThrough(page: Page): Promise<Walk | undefined> {
  const faults = new Set<string>();
  await startAtTop(page);
  for (let stops = 0; stops < PRESSES; stops += 1) {
    await page.keyboard.press('Tab');
    const { over, moved, found } = await page.evaluate(look);
    if (moved) return undefined;
    for (const fault of found) faults.add(fault);
    if (over) return { stops, faults: [...faults] };
  }
  throw new Error(`the focus did not come to the end of the page in ${PRESSES} presses`);
}

/** Takes the focus away, so that the next Tab leads to the first element of the page. */
export async function startAtTop(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.lastFocused = undefined;
    const start = document.createElement('span');
    start.tabIndex = -1;
    document.body.prepend(start);
    start.focus();
    start.remove();
  });
}

/** Looks at what has the focus now, and at what had it before. Runs in the page. */
async function look(): Promise<{ over: boolean; moved: boolean; found: string[] }> {
  /** Waits until something holds, which it does within a few frames if it ever does. */
  const comes = async (holds: () => boolean): Promise<boolean> => {
    for (let frames = 0; frames < 30; frames += 1) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (holds()) return true;
    }
    return false;
  };
  /** The element that people see: of a check box, a radio button or a switch, the input itself is transparent. */
  const seenOf = (element: Element): Element =>
    element.matches('input') ? (element.closest('.MuiButtonBase-root') ?? element) : element;
  const stylesOf = (element: Element): CSSStyleDeclaration[] => {
    const frameOfField = element.closest('.MuiInputBase-root')?.querySelector(':scope > fieldset');
    return [...new Set([seenOf(element), element, frameOfField ?? element])].flatMap((each) => [
      getComputedStyle(each),
      getComputedStyle(each, '::after'),
    ]);
  };
  const isOutlined = (style: CSSStyleDeclaration) =>
    style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) > 0;
  /** What can show the focus of an element: its outline, shadow and border, and the frame of a text field. */
  const lookOf = (element: Element): string =>
    stylesOf(element)
      .map((style) => {
        const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderWidth, borderColor } = style;
        const outline = isOutlined(style) ? [outlineStyle, outlineWidth, outlineColor] : [];
        return [...outline, boxShadow, borderWidth, borderColor].join(' ');
      })
      .join('; ');
  /** Whether something is drawn around an element: if not, that may still come. */
  const isMarked = (element: Element): boolean =>
    stylesOf(element).some(
      (style) =>
        isOutlined(style) || style.boxShadow !== 'none' || Number.parseFloat(style.borderTopWidth) >= 2,
    );
  const nameOf = (element: Element) => {
    const label = element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : undefined;
    const words = element.getAttribute('aria-label') ?? label ?? element.textContent.trim();
    return `${element.localName} “${words.slice(0, 60)}”`;
  };
  const coveredBy = (element: Element): string | null => {
    const seen = seenOf(element);
    // Of a link that runs over two lines, the middle of both may lie beside it.
    const box = seen.getClientRects()[0];
    if (box === undefined) return 'nothing: it takes no room';
    const left = Math.max(box.left, 0);
    const right = Math.min(box.right, document.documentElement.clientWidth);
    const top = Math.max(box.top, 0);
    const bottom = Math.min(box.bottom, document.documentElement.clientHeight);
    if (right - left < 1 || bottom - top < 1) return 'the edge of the screen';
    const hit =
      document
        .elementsFromPoint((left + right) / 2, (top + bottom) / 2)
        // Escape takes a tooltip away, so it may lie over what it explains.
        .find((each) => each.closest('[role="tooltip"]') === null) ?? null;
    if (hit === null || seen.contains(hit) || hit.contains(seen)) return null;
    // A field's frame and its label lie over the field.
    const field = seen.closest('.MuiFormControl-root, label');
    return field?.contains(hit) === true ? null : nameOf(hit);
  };

  const found: string[] = [];
  const before = window.lastFocused;
  const element = document.activeElement;
  // A field for a date and time has several stops.
  if (before !== undefined && before.element !== element && before.element.isConnected) {
    const shown = await comes(() => lookOf(before.element) !== before.look);
    if (!shown) found.push(`${before.name} does not show its focus`);
  }
  if (element === null || element === document.body) return { over: true, moved: false, found };
  // Scripts answer to a focus a little later; by then the page has scrolled to it, too.
  await comes(() => isMarked(element));
  if (document.activeElement !== element) return { over: false, moved: true, found };
  const cover = coveredBy(element);
  if (cover !== null) found.push(`${nameOf(element)} is covered by ${cover}`);
  window.lastFocused = { element, name: nameOf(element), look: lookOf(element) };
  return { over: false, moved: false, found };
}
