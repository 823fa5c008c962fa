// Makes a bill of materials of `patch-manager` from the output of `cargo metadata` on standard input and the
// lock file that is named first; run by scripts/sbom.
'use strict';

const fs = require('node:fs');

const [lockFile, option] = process.argv.slice(2);
const metadata = JSON.parse(fs.readFileSync(0, 'utf8'));
const packages = new Map(metadata.packages.map((each) => [each.id, each]));
const nodes = new Map(metadata.resolve.nodes.map((each) => [each.id, each]));

// The lock file has a checksum for each package of a registry.
function checksums() {
  const found = new Map();
  for (const block of fs.readFileSync(lockFile, 'utf8').split('[[package]]')) {
    const member = (name) => new RegExp(`^${name} = "(.*)"$`, 'm').exec(block)?.[1];
    if (member('checksum')) found.set(`${member('name')} ${member('version')}`, member('checksum'));
  }
  return found;
}

// What is linked in: neither what tests need nor what runs while building.
function linked(root) {
  const seen = new Set([root]);
  const waiting = [root];
  while (waiting.length > 0) {
    for (const dependency of nodes.get(waiting.pop()).deps) {
      const isLinked = dependency.dep_kinds.some((kind) => kind.kind === null);
      if (isLinked && !seen.has(dependency.pkg)) {
        seen.add(dependency.pkg);
        waiting.push(dependency.pkg);
      }
    }
  }
  return [...seen].map((id) => packages.get(id));
}

const reference = (each) => `pkg:cargo/${each.name}@${each.version}`;
const program = metadata.packages.find((each) => each.name === 'patch-manager');
const parts = linked(program.id).sort((a, b) => (reference(a) < reference(b) ? -1 : 1));
const hashes = checksums();

function component(each) {
  const checksum = hashes.get(`${each.name} ${each.version}`);
  return {
    type: each === program ? 'application' : 'library',
    'bom-ref': reference(each),
    name: each.name,
    version: each.version,
    ...(each.license && { licenses: [{ expression: each.license.replaceAll('/', ' OR ') }] }),
    ...(checksum && { hashes: [{ alg: 'SHA-256', content: checksum }] }),
    purl: reference(each),
  };
}

if (option === '--licences') {
  for (const each of parts) console.log(`${each.name} ${each.version}: ${each.license ?? 'see its files'}`);
} else {
  const known = new Set(parts.map((each) => each.id));
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component(program) },
    components: parts.filter((each) => each !== program).map(component),
    dependencies: parts.map((each) => ({
      ref: reference(each),
      dependsOn: nodes
        .get(each.id)
        .deps.filter((one) => known.has(one.pkg))
        .map((one) => reference(packages.get(one.pkg)))
        .sort(),
    })),
  };
  console.log(JSON.stringify(bill, null, 2));
}
