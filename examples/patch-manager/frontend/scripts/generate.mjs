// Generates the API clients' types from the OpenAPI documents that the Rust code generates.
//
//   node scripts/generate.mjs           writes src/*/api/schema.d.ts
//   node scripts/generate.mjs --check   fails where one of them is not what its document gives
//
// The documents are committed, and Rust tests hold them against the code.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const check = process.argv.includes('--check');
const header = '// Generated from openapi.json by `npm run generate`. Do not edit.\n\n';
let outdated = false;

for (const folder of ['src/health/api', 'src/app/api']) {
  const document = new URL(`../${folder}/openapi.json`, import.meta.url);
  const target = new URL(`../${folder}/schema.d.ts`, import.meta.url);
  const text = header + astToString(await openapiTS(document));
  if (!check) {
    await writeFile(target, text);
    console.log(`wrote ${folder}/schema.d.ts`);
  } else if ((await readFile(target, 'utf8').catch(() => '')) !== text) {
    console.error(`${folder}/schema.d.ts is not what openapi.json gives: run \`npm run generate\``);
    outdated = true;
  }
}
if (check && !outdated) console.log('generated types: up to date');
process.exitCode = outdated ? 1 : 0;
