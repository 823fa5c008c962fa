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

const library = members.find((each) => each.name === 'healthgate');
const others = members.filter((each) => each !== library);
const declared = [...new Set(others.map((each) => each.rust_version))];
if (declared.length !== 1 || !declared[0] || !library?.rust_version) {
  fail(`the members beside the library should declare one rust-version, but declare: ${declared.join(', ')}`);
}

// Self-check: versions are compared by number, and the search finds something.
if (!(compare('1.100', '1.89.0') > 0 && compare('1.89', '1.89.0') === 0)) {
  fail('self-check: versions are compared wrongly');
}
if (above(dependencies, '1.0').length === 0) {
  fail('self-check: no dependency demands more than Rust 1.0, so the search is blind');
}

// Lines of `cargo tree`, such as "aes v0.9.4" or "serde_derive v1.0.229 (proc-macro)".
const inTree = new Set(process.argv[2].split('\n').map((line) => line.split(' ').slice(0, 2).join(' ')));
const withoutDatabases = dependencies.filter((each) => inTree.has(`${each.name} v${each.version}`));
if (withoutDatabases.length < 50 || withoutDatabases.some((each) => each.name.startsWith('sqlx'))) {
  fail(`self-check: the tree without databases has ${withoutDatabases.length} packages or a database`);
}

function hold(what, packages, minimum) {
  const offenders = above(packages, minimum);
  if (offenders.length > 0) fail(`${what}: rust-version is ${minimum}, but these demand more: ${describe(offenders)}`);
  const declaring = packages.filter((each) => each.rust_version);
  const highest = declaring.map((each) => each.rust_version).sort(compare).at(-1);
  const demanding = declaring.filter((each) => compare(each.rust_version, highest) === 0);
  console.log(`minimum Rust ${what}: ${minimum} holds for ${packages.length} dependencies ` +
    `(${packages.length - declaring.length} declare none)`);
  console.log(`most demanding: ${describe(demanding)}`);
}

hold('of the library without databases', withoutDatabases, library.rust_version);
hold('of the workspace', dependencies, declared[0]);
