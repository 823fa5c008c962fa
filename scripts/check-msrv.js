// Compares the `rust-version` of every package with that of the workspace's members.
// Reads the output of `cargo metadata` from standard input; run by scripts/check-msrv.
'use strict';

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

// Negative, zero or positive, as versions are compared: by number, missing parts as zero.
function compare(left, right) {
  const [a, b] = [left, right].map((text) => text.split('-')[0].split('.').map(Number));
  for (let index = 0; index < 3; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (Number.isNaN(difference)) fail(`cannot compare ${left} with ${right}`);
    if (difference !== 0) return difference;
  }
  return 0;
}

function above(packages, limit) {
  return packages.filter((each) => each.rust_version && compare(each.rust_version, limit) > 0);
}

function describe(packages) {
  return packages.map((each) => `${each.name} ${each.version} (${each.rust_version})`).join(', ');
}

const metadata = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const memberIds = new Set(metadata.workspace_members);
const members = metadata.packages.filter((each) => memberIds.has(each.id));
const dependencies = metadata.packages.filter((each) => !memberIds.has(each.id));

const declared = [...new Set(members.map((each) => each.rust_version))];
if (declared.length !== 1 || !declared[0]) {
  fail(`the members should declare one rust-version, but declare: ${declared.join(', ')}`);
}
const minimum = declared[0];

// Self-check: the comparison is by number, and the search is able to find something.
if (!(compare('1.100', '1.89.0') > 0 && compare('1.89', '1.89.0') === 0)) {
  fail('self-check: versions are compared wrongly');
}
if (above(dependencies, '1.0').length === 0) {
  fail('self-check: not one dependency demands more than Rust 1.0, so the search is blind');
}

const offenders = above(dependencies, minimum);
if (offenders.length > 0) {
  fail(`rust-version is ${minimum}, but these demand more: ${describe(offenders)}`);
}

const declaring = dependencies.filter((each) => each.rust_version);
const highest = declaring.map((each) => each.rust_version).sort(compare).at(-1);
const demanding = declaring.filter((each) => compare(each.rust_version, highest) === 0);
console.log(`minimum Rust: ${minimum} holds for ${dependencies.length} dependencies ` +
  `(${dependencies.length - declaring.length} declare none)`);
console.log(`most demanding: ${describe(demanding)}`);
