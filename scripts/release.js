// Holds the list of dependencies that `cargo auditable` has put into a program, which stands on standard
// input, against its bill of materials; run by scripts/release.
'use strict';

const fs = require('node:fs');
const zlib = require('node:zlib');

const [billFile] = process.argv.slice(2);
const bill = JSON.parse(fs.readFileSync(billFile, 'utf8'));
const listed = JSON.parse(zlib.inflateSync(fs.readFileSync(0))).packages;

const named = (each) => `${each.name} ${each.version}`;
const isCrate = (each) => each.purl.startsWith('pkg:cargo/');
// The program's own list may name more: what other members of the workspace would switch on.
const inProgram = new Set(listed.filter((each) => each.kind !== 'build').map(named));
const crates = [bill.metadata.component, ...bill.components].filter(isCrate).map(named);
const missing = crates.filter((each) => !inProgram.has(each));
if (crates.length === 0 || missing.length > 0) {
  console.error(`error: not in the program's own list: ${missing.join(', ') || 'any crate'}`);
  process.exit(1);
}
console.log(`The program's own list has the ${crates.length} crates of the bill of materials.`);
