// Makes a bill of materials of `patch-manager` from the output of `cargo tree` on standard input, and from the
// lock files that are named: of cargo, then of the web interface; run by scripts/sbom.
'use strict';

const fs = require('node:fs');

const [cargoLock, npmLock, option] = process.argv.slice(2);

// A package by its URL, with the URLs of those that it needs.
const parts = new Map();

function part(ecosystem, name, version, license, hash) {
  const purl = `pkg:${ecosystem}/${name.replace('@', '%40')}@${version}`;
  if (!parts.has(purl)) parts.set(purl, { ecosystem, name, version, license, hash, purl, needs: new Set() });
  return parts.get(purl);
}

// The lock file has a checksum for each package of a registry.
function checksums() {
  const found = new Map();
  for (const block of fs.readFileSync(cargoLock, 'utf8').split('[[package]]')) {
    const member = (name) => new RegExp(`^${name} = "(.*)"$`, 'm').exec(block)?.[1];
    if (member('checksum')) found.set(`${member('name')} ${member('version')}`, member('checksum'));
  }
  return found;
}

// Lines of `depth|name vversion (what it is)|licence`, in the order of the tree; the program is the first.
function addCrates(tree) {
  const hashes = checksums();
  const path = [];
  for (const line of tree.trim().split('\n')) {
    const [, depth, name, version, license] = /^(\d+)\|(\S+) v(\S+)[^|]*\|(.*?)( \(\*\))?$/.exec(line);
    const checksum = hashes.get(`${name} ${version}`);
    const crate = part('cargo', name, version, license, checksum && { alg: 'SHA-256', content: checksum });
    path.length = Number(depth);
    path.at(-1)?.needs.add(crate.purl);
    path.push(crate);
  }
  return path[0];
}

// What the web interface needs to run; its tools are of no concern.
function addNpmPackages(program) {
  const { packages } = JSON.parse(fs.readFileSync(npmLock, 'utf8'));
  const isBuiltIn = (place) => packages[place] && !packages[place].dev && !packages[place].devOptional;
  const made = (place) => {
    const { version, license, integrity } = packages[place];
    const name = packages[place].name ?? place.split('node_modules/').at(-1);
    const [alg, digest] = integrity?.split('-') ?? [];
    const content = digest && Buffer.from(digest, 'base64').toString('hex');
    return part('npm', name, version, license, digest && { alg: alg.replace('sha', 'SHA-'), content });
  };
  // Node looks into the package's own folder first, and then into those that hold it.
  const find = (from, name) => {
    for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
      const place = `${folder && `${folder}/`}node_modules/${name}`;
      if (packages[place]) return place;
      if (!folder) return undefined;
    }
  };
  for (const place of Object.keys(packages).filter(isBuiltIn)) {
    const each = made(place);
    const { dependencies, optionalDependencies, peerDependencies } = packages[place];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const found = find(place, name);
      if (isBuiltIn(found)) each.needs.add(made(found).purl);
    }
  }
  program.needs.add(made('').purl);
}

function component(each) {
  return {
    type: each === program ? 'application' : 'library',
    'bom-ref': each.purl,
    name: each.name,
    version: each.version,
    ...(each.hash && { hashes: [each.hash] }),
    licenses: [{ expression: each.license.replaceAll('/', ' OR ') }],
    purl: each.purl,
  };
}

const program = addCrates(fs.readFileSync(0, 'utf8'));
addNpmPackages(program);
const all = [...parts.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
const unlicensed = all.filter((each) => !each.license);
if (unlicensed.length > 0) throw new Error(`no licence: ${unlicensed.map((each) => each.purl).join(', ')}`);

if (option === '--licences') {
  console.log('| package | version | licence |\n| --- | --- | --- |');
  for (const each of all) console.log(`| ${each.name} | ${each.version} | ${each.license} |`);
} else {
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component(program) },
    components: all.filter((each) => each !== program).map(component),
    dependencies: all.map((each) => ({ ref: each.purl, dependsOn: [...each.needs].sort() })),
  };
  console.log(JSON.stringify(bill, null, 2));
}
