import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** The patch manager's demo, started for a test on a free port. */
export interface Demo {
  /** `http://127.0.0.1:PORT` */
  url: string;
  stop: () => Promise<void>;
}

const root = resolve(import.meta.dirname, '../../../../..');

/** The built program. */
export function program(): string {
  const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
  const path = process.env.PATCH_MANAGER ?? resolve(target, 'debug/patch-manager');
  if (!existsSync(path)) throw new Error(`${path} is missing: cargo build --package patch-manager`);
  return path;
}

/** Starts the demo and waits until it serves. */
export async function startDemo(...options: string[]): Promise<Demo> {
  const child = spawn(program(), ['demo', '--listen', '127.0.0.1:0', ...options], {
    stdio: ['ignore', 'pipe', process.env.E2E_LOG === undefined ? 'ignore' : 'inherit'],
    env: { ...process.env, RUST_LOG: process.env.E2E_LOG ?? 'warn' },
  });
  return {
    url: await listening(child),
    stop: async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await once(child, 'exit');
      clearTimeout(kill);
    },
  };
}

/** Waits until a program serves, and answers where. */
export async function listening(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the demo has no output');
  const lines = createInterface({ input: child.stdout });
  const limit = setTimeout(() => child.kill('SIGKILL'), 90_000);
  try {
    for await (const line of lines) {
      const found = /^listening on (http:\S+)$/.exec(line);
      if (found?.[1] !== undefined) return found[1];
    }
  } finally {
    clearTimeout(limit);
    // What it prints later must not fill the pipe.
    child.stdout.resume();
  }
  throw new Error(`the program ended before it served (${child.exitCode ?? child.signalCode ?? 'killed'})`);
}
