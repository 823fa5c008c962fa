// Generates the API clients' types from the OpenAPI documents.
//
//   node scripts/generate.mjs          writes the types
//   node scripts/generate.mjs --check  fails where types are not what their document gives
//
// Both documents are made and checked by Rust tests: `UPDATE_GOLDEN=1 cargo test golden` writes them. The
// application's document holds its own part alone. It refers to the library's document, and its types import
// the library's types.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';

const LIBRARY = '../../../docs/openapi.json';
const SOURCES = [
  { document: LIBRARY, types: 'src/health/api/schema.d.ts' },
  {
    document: 'src/app/api/openapi.json',
    types: 'src/app/api/schema.d.ts',
    imports: "import type { components as Library } from '../../health/api/schema';\n",
  },
];

const at = (path) => new URL(`../${path}`, import.meta.url);
const check = process.argv.includes('--check');

let outdated = false;
for (const { document, types, imports } of SOURCES) {
  const header = `// Generated from ${document.split('/').slice(-2).join('/')} by \`npm run generate\`. Do not edit.\n\n`;
  const source = JSON.parse(await readFile(at(document), 'utf8'));
  const nodes = await openapiTS(withStubs(source), { inject: imports, transform: importOf });
  const text = header + astToString(nodes);
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

/** The document with a stub in place of each schema of the library's document that it refers to. */
function withStubs(document) {
  const stubs = {};
  const text = JSON.stringify(document, (key, value) => {
    if (key !== '$ref' || value.startsWith('#')) return value;
    const name = value.split('/').at(-1);
    stubs[name] = { 'x-library': name };
    return `#/components/schemas/${name}`;
  });
  const own = JSON.parse(text);
  Object.assign(own.components.schemas, stubs);
  return own;
}

/** The library's type in place of a stub. */
function importOf(schema) {
  const name = schema['x-library'];
  if (name === undefined) return undefined;
  const library = ts.factory.createTypeReferenceNode('Library');
  const literal = (text) => ts.factory.createLiteralTypeNode(ts.factory.createStringLiteral(text));
  const schemas = ts.factory.createIndexedAccessTypeNode(library, literal('schemas'));
  return ts.factory.createIndexedAccessTypeNode(schemas, literal(name));
}
