/**
 * Moves the clock of a test file to a random instant of the coming four years, where it goes on as
 * usual: what a page shows must not depend on the day and hour of the run. `TEST_DATE_SHIFT` (in ms)
 * repeats a run; the shift is printed where a test of the file fails.
 */
const given = process.env.TEST_DATE_SHIFT;
const fourYears = 4 * 366 * 86_400_000;

export const dateShift = given ? Number(given) : Math.floor(Math.random() * fourYears);

const SystemDate = Date;

class ShiftedDate extends SystemDate {
  constructor(...parts: [] | [number | string | Date]) {
    if (parts.length === 0) {
      super(SystemDate.now() + dateShift);
    } else {
      // Whatever a Date takes: a number, a text, another Date, or up to seven fields.
      super(...(parts as [number]));
    }
  }

  static override now(): number {
    return SystemDate.now() + dateShift;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
