import type { Locator, Page } from 'playwright-core';

declare global {
  interface Window {
    /** How much has moved by itself so far. */
    layoutShift?: number;
  }
}

/** Watches a page from now on: what it loads, and what moves in it. */
export class Watch {
  private bytes = 0;
  private readonly streamed = new Map<string, number>();

  private constructor(private readonly page: Page) {}

  static async of(page: Page): Promise<Watch> {
    await page.addInitScript(() => {
      window.layoutShift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const shift = entry as PerformanceEntry & { value: number; hadRecentInput: boolean };
          if (!shift.hadRecentInput) window.layoutShift = (window.layoutShift ?? 0) + shift.value;
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    const session = await page.context().newCDPSession(page);
    const watch = new Watch(page);
    session.on('Network.dataReceived', ({ requestId, encodedDataLength, dataLength }) => {
      const known = watch.streamed.get(requestId) ?? 0;
      watch.streamed.set(requestId, known + (encodedDataLength > 0 ? encodedDataLength : dataLength));
    });
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
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

  /** The layout shift since the page was loaded (CLS counts the worst burst: this is more). */
  async shift(): Promise<number> {
    return this.page.evaluate(() => window.layoutShift ?? 0);
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
