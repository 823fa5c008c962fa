import type { Locator, Page } from 'playwright-core';

declare global {
  interface Window {
    /** The most that has moved by itself in one burst (CLS). */
    layoutShift?: number;
    /** What moved in that burst, in words. */
    shifted?: string[];
    /** The longest time so far for which scripts kept the page from answering, in milliseconds. */
    longestTask?: number;
  }
}

/** Watches a page from now on: what it loads, and what moves in it. */
export class Watch {
  private bytes = 0;
  private readonly streamed = new Map<string, number>();
  private readonly paths = new Map<string, string>();
  private readonly byPath = new Map<string, number>();

  private constructor(private readonly page: Page) {}

  static async of(page: Page): Promise<Watch> {
    await page.addInitScript(() => {
      window.layoutShift = 0;
      // A burst has less than a second between two shifts and lasts at most five seconds.
      let burst = { sum: 0, from: -Infinity, until: -Infinity, moved: [] as string[] };
      interface Moved {
        node: Node | null;
        previousRect: DOMRectReadOnly;
        currentRect: DOMRectReadOnly;
      }
      const nameOf = (node: Node | null) => {
        const element = node instanceof Element ? node : node?.parentElement;
        const labelled = element?.closest('[aria-label], [data-row], [role]');
        return `${element?.localName ?? '?'} in ${labelled?.ariaLabel ?? labelled?.role ?? '?'}`;
      };
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const shift = entry as PerformanceEntry & {
            value: number;
            hadRecentInput: boolean;
            sources?: Moved[];
          };
          if (shift.hadRecentInput) continue;
          const at = shift.startTime;
          if (at - burst.until >= 1_000 || at - burst.from >= 5_000)
            burst = { sum: 0, from: at, until: at, moved: [] };
          const moved = (shift.sources ?? []).map(
            ({ node, previousRect, currentRect }) =>
              `${Math.round(at)} ms, ${shift.value.toFixed(3)}: ${nameOf(node)} from ${Math.round(previousRect.x)}, ` +
              `${Math.round(previousRect.y)} to ${Math.round(currentRect.x)}, ${Math.round(currentRect.y)}`,
          );
          burst = { ...burst, sum: burst.sum + shift.value, until: at, moved: [...burst.moved, ...moved] };
          if (burst.sum <= (window.layoutShift ?? 0)) continue;
          window.layoutShift = burst.sum;
          window.shifted = burst.moved;
        }
      }).observe({ type: 'layout-shift', buffered: true });
      new PerformanceObserver((list) => {
        const longest = Math.max(...list.getEntries().map(({ duration }) => duration));
        window.longestTask = Math.max(window.longestTask ?? 0, longest);
      }).observe({ type: 'longtask', buffered: true });
    });
    const session = await page.context().newCDPSession(page);
    const watch = new Watch(page);
    session.on('Network.requestWillBeSent', ({ requestId, request }) => {
      watch.paths.set(requestId, new URL(request.url).pathname.replace(/[0-9a-f-]{36}/g, '…'));
    });
    session.on('Network.dataReceived', ({ requestId, encodedDataLength, dataLength }) => {
      const known = watch.streamed.get(requestId) ?? 0;
      const bytes = encodedDataLength > 0 ? encodedDataLength : dataLength;
      watch.streamed.set(requestId, known + bytes);
      watch.count(requestId, bytes);
    });
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      // What came before the body, the headers, is known only now.
      watch.count(requestId, encodedDataLength - (watch.streamed.get(requestId) ?? 0));
      watch.streamed.delete(requestId);
      watch.bytes += encodedDataLength;
    });
    await session.send('Network.enable');
    return watch;
  }

  /** The bytes that came over the network so far, as they came; of what has not ended, the part that is here. */
  received(): number {
    return [...this.streamed.values()].reduce((sum, bytes) => sum + bytes, this.bytes);
  }

  private count(requestId: string, bytes: number): void {
    const path = this.paths.get(requestId) ?? 'other';
    this.byPath.set(path, (this.byPath.get(path) ?? 0) + bytes);
  }

  /** The paths that most of what came since the last call came from, with their kilobytes. */
  most(): string {
    const sorted = [...this.byPath].sort(([, a], [, b]) => b - a).slice(0, 3);
    this.byPath.clear();
    return sorted.map(([path, bytes]) => `${path}: ${Math.round(bytes / 1_000)} kB`).join(', ');
  }

  /** The cumulative layout shift (CLS) since the page was loaded. */
  async shift(): Promise<number> {
    return this.page.evaluate(() => window.layoutShift ?? 0);
  }

  /** What moved in the worst burst. */
  async shifted(): Promise<string[]> {
    return this.page.evaluate(() => window.shifted ?? []);
  }

  /** The longest task of the page's scripts since the last call, in milliseconds; browsers report those over 50. */
  async longestTask(): Promise<number> {
    return this.page.evaluate(() => {
      const longest = window.longestTask ?? 0;
      window.longestTask = 0;
      return longest;
    });
  }

  /** How many milliseconds after a press a button is painted as pressed. */
  async answers(button: Locator): Promise<number> {
    return button.evaluate(async (element: HTMLElement) => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      const started = performance.now();
      element.click();
      while (element.getAttribute('aria-pressed') !== 'true') await frame();
      await frame();
      return performance.now() - started;
    });
  }

  /** How many elements the page has. */
  async elements(): Promise<number> {
    return this.page.evaluate(() => document.querySelectorAll('*').length);
  }
}

/** Counts what a task takes. */
export class Task {
  clicks = 0;
  texts = 0;

  constructor(
    readonly page: Page,
    readonly name: string,
  ) {}

  /** Clicks, once. */
  async click(target: Locator): Promise<void> {
    this.clicks += 1;
    await target.click();
  }

  /** Fills a field, which counts as a click and a text. */
  async type(target: Locator, text: string): Promise<void> {
    this.clicks += 1;
    this.texts += 1;
    await target.fill(text);
  }

  /** Chooses from a list that opens: two clicks. */
  async choose(target: Locator, option: string | RegExp): Promise<void> {
    await this.click(target);
    await this.click(this.page.getByRole('option', { name: option }));
  }

  /** A line of the table in the documentation. */
  row(): string {
    const texts = this.texts === 0 ? '' : this.texts === 1 ? '1 text' : `${this.texts} texts`;
    return `| ${this.name} | ${this.clicks} | ${texts} |`;
  }
}
