// Plants the bugs of simulation/planted in a copy of the tree, and hunts them there. Run by
// scripts/planted-bugs.
//
//   planted-bugs.js check              every bug still has its place in the code
//   planted-bugs.js plant COPY         copies the tree and plants all bugs in the copy
//   planted-bugs.js tests              the test programs that find bugs, one a line
//   planted-bugs.js prove PROGRAM      runs the search of small worlds for each bug that names one
//   planted-bugs.js hunt COPY PROGRAM SEEDS [BUG...]
//                                      runs each bug, or each of these, until the simulation, or the
//                                      test that its patch names, finds it
//
// A patch has a comment that says what the bug is, with optional lines for the hunt:
//
//   # Seeds: 12, 40          seeds that found the bug, tried first
//   # Test: engine f42_name  a test program and the test in it that finds the bug; it is looked for
//                            there alone
//   # Proof: spending        a small world of proof/ in which the search finds the bug (scripts/prove)
//
// and after it the places: `--- file`, then lines with `-` (the present code) and `+` (the code with
// the bug), or a blank for both. White space does not count and there are no line numbers, so that a
// place is lost only when the code itself changes. The present code must stand in the file once.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { plantTree, root } = require('./planted-tree.js');

const folder = path.join(root, 'simulation/planted');

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

function read(name) {
  const bug = { name, seeds: '', test: null, proof: null, places: [] };
  for (const line of fs.readFileSync(path.join(folder, `${name}.patch`), 'utf8').split('\n')) {
    const place = bug.places.at(-1);
    if (line.startsWith('--- ')) bug.places.push({ file: line.slice(4), present: '', bug: '' });
    else if (line.startsWith('# Seeds: ')) bug.seeds = line.slice(9).replaceAll(' ', '');
    else if (line.startsWith('# Test: ')) bug.test = line.slice(8).split(' ');
    else if (line.startsWith('# Proof: ')) bug.proof = line.slice(9).trim();
    else if (line.startsWith('#') || line === '') continue;
    else if (!place || !'-+ '.includes(line[0])) fail(`${name}: cannot read the line: ${line}`);
    else {
      if (line[0] !== '+') place.present += `${line.slice(1)}\n`;
      if (line[0] !== '-') place.bug += `${line.slice(1)}\n`;
    }
  }
  if (!bug.places.some((place) => place.bug.includes(`crate::planted::bug("${name}")`))) {
    fail(`${name}: no place of the patch asks for the bug`);
  }
  return bug;
}

function bugs() {
  const names = fs.readdirSync(folder).filter((file) => file.endsWith('.patch')).sort();
  if (names.length === 0) fail('there are no patches');
  return names.map((file) => read(file.slice(0, -'.patch'.length)));
}

// Where a text begins and ends in another, white space left out of account.
function places(text, wanted) {
  const kept = [];
  for (let index = 0; index < text.length; index += 1) {
    if (!/\s/.test(text[index])) kept.push(index);
  }
  const dense = text.replace(/\s/g, '');
  const sought = wanted.replace(/\s/g, '');
  const found = [];
  for (let at = dense.indexOf(sought); at >= 0; at = dense.indexOf(sought, at + 1)) {
    found.push({ from: kept[at], to: kept[at + sought.length - 1] + 1 });
  }
  return found;
}

// The files with all bugs in them, by name. Names every bug whose place is gone.
function planted(all) {
  const edits = new Map();
  const lost = [];
  for (const bug of all) {
    for (const { file, present, bug: code } of bug.places) {
      const source = path.join(root, file);
      const text = fs.existsSync(source) ? fs.readFileSync(source, 'utf8') : '';
      const found = places(text, present);
      if (found.length === 1) {
        edits.set(file, [...(edits.get(file) ?? []), { ...found[0], code: code.trimEnd(), bug }]);
      } else {
        lost.push(`${bug.name}: its code stands ${found.length} times in ${file}:\n${present}`);
      }
    }
  }
  const files = new Map();
  for (const [file, list] of edits) {
    list.sort((left, right) => right.from - left.from);
    let text = fs.readFileSync(path.join(root, file), 'utf8');
    list.forEach((edit, index) => {
      const next = list[index - 1];
      if (next && edit.to > next.from) lost.push(`${edit.bug.name} and ${next.bug.name} overlap`);
      text = text.slice(0, edit.from) + edit.code + text.slice(edit.to);
    });
    files.set(file, text);
  }
  if (lost.length > 0) fail(`repair simulation/planted:\n${lost.join('\n')}`);
  return files;
}

function plant(copy) {
  const files = planted(bugs());
  const library = fs.readFileSync(path.join(root, 'src/lib.rs'), 'utf8');
  files.set('src/lib.rs', `${files.get('src/lib.rs') ?? library}\n#[doc(hidden)]\npub mod planted;\n`);
  files.set('src/planted.rs', fs.readFileSync(path.join(folder, 'planted.rs'), 'utf8'));
  plantTree(copy, files, ['planted']);
}

function run(program, args, options) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('error', (error) => resolve({ status: -1, output: String(error) }));
    child.on('close', (status) => resolve({ status, output: output.trim() }));
  });
}

// A bug can keep a task from ever giving way, so that its world grows without an end.
const bounded = ['-c', 'ulimit -v 4000000 && exec "$@"', 'bounded'];

async function huntWithSimulation(bug, program, seeds) {
  const args = ['--seeds', seeds, ...(bug.seeds ? ['--first', bug.seeds] : [])];
  const env = { ...process.env, HEALTHGATE_PLANTED: bug.name };
  const { status, output } = await run('sh', [...bounded, program, ...args], { env });
  if (status === 1 && output === '') throw new Error(`not found in ${seeds} seeds`);
  const seed = /^seed (\d+): /.exec(output)?.[1];
  if (status !== 0 || !seed) throw new Error(`the simulation ended with ${status}: ${output}`);
  const sound = await run(program, ['--seeds', '0', '--first', seed], {});
  if (sound.status !== 1 || sound.output !== '') throw new Error(`without it: ${sound.output}`);
  return output;
}

async function huntWithTest(bug, copy) {
  const [program, test] = bug.test;
  const args = ['test', '--locked', '--workspace', '--all-features', '--test', program];
  const command = [...args, test];
  const env = { ...process.env, HEALTHGATE_PLANTED: bug.name };
  const with_it = await run('cargo', command, { cwd: copy, env });
  const without = await run('cargo', command, { cwd: copy });
  if (!/test result: ok\. [1-9]/.test(without.output)) throw new Error(`without it: ${without.output}`);
  if (!/test result: FAILED\./.test(with_it.output)) throw new Error(`not found by ${test}`);
  return `test ${test}`;
}

async function huntWithProof(bug, program) {
  const env = { ...process.env, HEALTHGATE_PLANTED: bug.name };
  const { status, output } = await run(program, ['--hunt', '--threads', '1', '--only', bug.proof], { env });
  if (status !== 0 || output === '') throw new Error(`the search ended with ${status}: ${output}`);
  return output;
}

const hunt = (copy, program, seeds, ...names) =>
  huntAll(
    bugs().filter((bug) => names.length === 0 || names.includes(bug.name)),
    (bug) => (bug.test ? huntWithTest(bug, copy) : huntWithSimulation(bug, program, seeds)),
  );

const prove = (program) =>
  huntAll(bugs().filter((bug) => bug.proof), (bug) => huntWithProof(bug, program));

async function huntAll(queue, find) {
  const total = queue.length;
  let missed = 0;
  const started = Date.now();
  const worker = async () => {
    for (let bug = queue.shift(); bug; bug = queue.shift()) {
      try {
        console.log(`${bug.name.padEnd(30)} ${await find(bug)}`);
      } catch (error) {
        missed += 1;
        console.log(`${bug.name.padEnd(30)} NOT FOUND: ${error.message}`);
      }
    }
  };
  await Promise.all([worker(), worker()]);
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`${total - missed} of ${total} planted bugs found, in ${seconds} s`);
  process.exitCode = missed === 0 ? 0 : 1;
}

const [task, ...rest] = process.argv.slice(2);
if (task === 'check') planted(bugs());
else if (task === 'plant') plant(...rest);
else if (task === 'tests') {
  const programs = bugs().flatMap((bug) => (bug.test ? [bug.test[0]] : []));
  console.log([...new Set(programs)].join('\n'));
} else if (task === 'hunt') hunt(...rest);
else if (task === 'prove') prove(...rest);
else fail(`unknown task: ${task}`);
