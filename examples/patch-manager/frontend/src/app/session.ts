import { useSyncExternalStore } from 'react';

const KEY = 'patch-manager-token';
const listeners = new Set<() => void>();
let ended = false;

function tell(): void {
  for (const listener of listeners) listener();
}

/** The bearer token of this tab, or `null`. It lives as long as the tab does, and in no address. */
export function readToken(): string | null {
  return sessionStorage.getItem(KEY);
}

/** Begins a session. */
export function signIn(token: string): void {
  ended = false;
  sessionStorage.setItem(KEY, token);
  tell();
}

/** Ends the session. */
export function signOut(): void {
  ended = false;
  sessionStorage.removeItem(KEY);
  tell();
}

/** Ends the session because the server no longer takes the token. */
export function sessionEnded(): void {
  if (readToken() === null) return;
  ended = true;
  sessionStorage.removeItem(KEY);
  tell();
}

/** Whether the last session was ended by the server. */
export function wasEnded(): boolean {
  return ended;
}

/** The token of the moment. */
export function useToken(): string | null {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, readToken);
}
