// The JavaScript that the first page needs, compressed as a server would: what index.html names, and
// what those files import by themselves. Pages that are loaded later do not count.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 300 * 1024;
const dist = new URL('../dist/', import.meta.url);
const read = (path) => readFileSync(new URL(path, dist));

const html = read('index.html').toString();
const queue = [...html.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map(([, path]) => path);
if (queue.length === 0) throw new Error('index.html names no script: has the build changed its form?');
const seen = new Map();
while (queue.length > 0) {
  const path = queue.pop();
  if (seen.has(path)) continue;
  const file = read(path);
  seen.set(path, gzipSync(file, { level: 9 }).length);
  // Static imports alone: `import"./x.js"` and `from"./x.js"`; `import("./x.js")` is for later.
  for (const [, name] of file.toString().matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+\.js)["']/g)) {
    queue.push(`assets/${name}`);
  }
}
const total = [...seen.values()].reduce((sum, size) => sum + size, 0);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
for (const [path, size] of seen) console.log(`  ${path}: ${kib(size)}`);
console.log(`first page: ${kib(total)} of JavaScript, compressed; at most ${kib(LIMIT)}`);
if (total > LIMIT) process.exitCode = 1;
