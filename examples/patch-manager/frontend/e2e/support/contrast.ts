import type { Page } from 'playwright-core';

/**
 * The contrast of elements of which axe could not tell, by WCAG 2.2 (1.4.3): inside a dialog something always
 * overlaps something. Answers those that have too little, in words. The background is the nearest one that is
 * not transparent, with what lies over it; this application has no pictures behind text.
 */
export function paleTexts(page: Page, selectors: readonly string[]): Promise<string[]> {
  return page.evaluate((wanted) => {
    type Colour = [number, number, number, number];
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const pen = canvas.getContext('2d', { willReadFrequently: true });
    // Whatever form a colour has, painting it tells what it is.
    const read = (text: string): Colour => {
      if (pen === null) throw new Error('there is no canvas');
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = text;
      pen.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0, alpha = 0] = pen.getImageData(0, 0, 1, 1).data;
      return [red, green, blue, alpha / 255];
    };
    const over = (top: Colour, below: Colour): Colour => {
      const mix = (index: 0 | 1 | 2) => top[index] * top[3] + below[index] * (1 - top[3]);
      return [mix(0), mix(1), mix(2), 1];
    };
    const luminance = (colour: Colour) => {
      const part = (index: 0 | 1 | 2) => {
        const value = colour[index] / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      };
      return 0.2126 * part(0) + 0.7152 * part(1) + 0.0722 * part(2);
    };
    const background = (element: Element | null): Colour => {
      if (element === null) return [255, 255, 255, 1];
      const own = read(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, background(element.parentElement));
    };
    return wanted.flatMap((selector) => {
      const element = document.querySelector(selector);
      if (element === null || element.closest(':disabled, [aria-disabled="true"]') !== null) return [];
      const style = getComputedStyle(element);
      const behind = background(element);
      const shades = [luminance(over(read(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
      const ratio = ((shades[0] ?? 0) + 0.05) / ((shades[1] ?? 0) + 0.05);
      const size = Number.parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio >= (large ? 3 : 4.5)) return [];
      return [`color-contrast: ${selector} has ${ratio.toFixed(2)}: ${element.textContent.slice(0, 60)}`];
    });
  }, selectors);
}
