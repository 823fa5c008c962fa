// Generates the API clients' types from the OpenAPI documents that the Rust code generates.
//
//   node scripts/generate.mjs             writes the types
//   node scripts/generate.mjs --from URL  takes the application's document from a running demo before
//   node scripts/generate.mjs --check     fails where types are not what their document gives
//
// The library's document is kept in docs/ and held against the code by tests/api; the application's is
// held against what the program serves by the end-to-end tests.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const APPLICATION = 'src/app/api/openapi.json';
const SOURCES = [
  ['../../../docs/openapi.json', 'src/health/api/schema.d.ts'],
  [APPLICATION, 'src/app/api/schema.d.ts'],
];

const at = (path) => new URL(`../${path}`, import.meta.url);
const check = process.argv.includes('--check');
const from = process.argv.indexOf('--from');
if (from > 0) await fetchDocument(process.argv[from + 1]);

let outdated = false;
for (const [document, types] of SOURCES) {
  const header = `// Generated from ${document.split('/').slice(-2).join('/')} by \`npm run generate\`. Do not edit.\n\n`;
  const text = header + astToString(await openapiTS(at(document)));
  if (!check) {
    await writeFile(at(types), text);
    console.log(`wrote ${types}`);
  } else if ((await readFile(at(types), 'utf8').catch(() => '')) !== text) {
    console.error(`${types} is not what ${document} gives: run \`npm run generate\``);
    outdated = true;
  }
}
if (check && !outdated) console.log('generated types: up to date');
process.exitCode = outdated ? 1 : 0;

async function fetchDocument(base) {
  const json = async (path, headers) => (await fetch(base + path, { headers })).json();
  const { users } = await json('/api/v1/demo/users');
  const document = await json('/api/v1/openapi.json', { Authorization: `Bearer ${users[0].token}` });
  await writeFile(at(APPLICATION), `${JSON.stringify(document, null, 2)}\n`);
  console.log(`wrote ${APPLICATION}`);
}
