/**
 * Chosen hosts as a fragment of the address, which no server ever sees: 16 bytes for each id, so that a thousand
 * hosts are some twenty kilobytes. `null` where it is none.
 */
export function idsOf(fragment: string): string[] | null {
  const code = /^#hosts=([\w-]*)$/.exec(fragment)?.[1];
  if (code === undefined) return null;
  let bytes: string;
  try {
    bytes = atob(code.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    return null;
  }
  const ids: string[] = [];
  for (let start = 0; start + ID_BYTES <= bytes.length; start += ID_BYTES) {
    const part = [...bytes.slice(start, start + ID_BYTES)];
    const hex = part.map((byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
    ids.push(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
  }
  return [...new Set(ids)];
}

/** The fragment of chosen hosts; empty where there are none. */
export function fragmentOf(ids: Iterable<string>): string {
  const bytes = [...ids].map((id) =>
    String.fromCharCode(...(id.replaceAll('-', '').match(/../g) ?? []).map((pair) => parseInt(pair, 16))),
  );
  if (bytes.length === 0) return '';
  const code = btoa(bytes.join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return `#hosts=${code}`;
}

const ID_BYTES = 16;
