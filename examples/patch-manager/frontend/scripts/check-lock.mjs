// The lock file pins versions and checksums and names no registry, so that it installs from any.
import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8');
const packages = Object.entries(JSON.parse(text).packages);
const faults = packages
  .filter(([path, entry]) => path !== '' && ('resolved' in entry || !('integrity' in entry || entry.bundled)))
  .filter(([, entry]) => !entry.link && !entry.inBundle)
  .map(([path]) => path);
for (const path of faults) console.error(`${path}: has a download address, or no checksum`);
console.log(`lock file: ${packages.length - 1} packages, ${faults.length} faults`);
process.exitCode = faults.length > 0 || packages.length < 10 ? 1 : 0;
