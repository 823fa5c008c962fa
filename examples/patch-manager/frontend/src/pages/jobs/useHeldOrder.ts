import { useState } from 'react';

/** Rows in an order that is held, and whether it is still the one that was asked for. */
export interface HeldOrder<Row> {
  rows: Row[];
  /** Some row has left the filter, or would stand elsewhere by now. */
  outdated: boolean;
  /** Filters and sorts anew. */
  renew: () => void;
}

/**
 * Filters and sorts rows, and then leaves them where they are while their contents change: what one reads or is
 * about to click must not move. What comes to match later is added at the end. A new `asked` begins anew.
 */
export function useHeldOrder<Row>(
  all: readonly Row[],
  idOf: (row: Row) => string,
  asked: string,
  matches: (row: Row) => boolean,
  compare: (a: Row, b: Row) => number,
): HeldOrder<Row> {
  const [held, setHeld] = useState<{ asked: string; turn: number; ids: readonly string[] } | null>(null);
  const [turn, setTurn] = useState(0);
  const wanted = all.filter(matches).sort(compare).map(idOf);
  let ids = wanted;
  if (held !== null && held.asked === asked && held.turn === turn) {
    const known = new Set(held.ids);
    const added = wanted.filter((id) => !known.has(id));
    ids = added.length === 0 ? [...held.ids] : [...held.ids, ...added];
  }
  if (held === null || held.asked !== asked || held.turn !== turn || held.ids.length !== ids.length) {
    setHeld({ asked, turn, ids });
  }
  const byId = new Map(all.map((row) => [idOf(row), row]));
  const rows = ids.flatMap((id) => byId.get(id) ?? []);
  const outdated = ids.length !== wanted.length || ids.some((id, index) => id !== wanted[index]);
  return { rows, outdated, renew: () => setTurn(turn + 1) };
}
