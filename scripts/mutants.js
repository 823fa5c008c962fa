// Runs the tests on mutants of the library. Run by scripts/mutants.
//
//   mutants.js run OPTIONS (JSON)   chooses, builds and runs; see `scripts/mutants` for what the options mean
//   mutants.js accepted LIST        every accepted survivor still has its place among the mutants of LIST
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { build, cargo, fail, plantAlone, programs, root, source } = require('./mutants-plant.js');

const acceptedFile = path.join(root, '.cargo/mutants-accepted.txt');

// ---- the accepted survivors

// Blocks of three lines or more: the mutant's name without its position, its line with « and » around what is
// replaced, and the reason.
function accepted() {
  const text = fs.existsSync(acceptedFile) ? fs.readFileSync(acceptedFile, 'utf8') : '';
  const blocks = text.split(/\n\s*\n/).map((block) => block.split('\n').filter((line) => line.trim() && !line.startsWith('#')));
  return blocks.filter((lines) => lines.length > 0).map((lines) => {
    if (lines.length < 3) fail(`.cargo/mutants-accepted.txt: a name, a line and a reason are needed: ${lines.join(' / ')}`);
    return { name: lines[0].trim(), place: lines[1].trim(), reason: lines.slice(2).map((line) => line.trim()).join(' ') };
  });
}

function bareName(mutant) {
  return mutant.name.replace(/^([^:]+):\d+:\d+: /, '$1: ');
}

function keyOf(mutant) {
  return `${bareName(mutant)}\n${source(mutant.file).place(mutant.span)}`;
}

function checkAccepted(list) {
  const known = new Set(list.map(keyOf));
  const lost = accepted().filter((one) => !known.has(`${one.name}\n${one.place}`));
  if (lost.length > 0) {
    fail(`no mutant is as .cargo/mutants-accepted.txt says:\n${lost.map((one) => `${one.name}\n    ${one.place}`).join('\n')}`);
  }
}

// ---- the choice

// A small generator (mulberry32), so that a seed gives the same sample everywhere.
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function sample(list, count, seed) {
  const next = random(seed);
  const rest = [...list];
  const chosen = [];
  while (chosen.length < count && rest.length > 0) {
    chosen.push(rest.splice(Math.floor(next() * rest.length), 1)[0]);
  }
  return chosen;
}

// ---- the runs

// Runs a test program until its end, its first failure, or its time limit. Property tests do not shrink.
function runProgram(options, program, number, args, limit, environment) {
  return new Promise((resolve) => {
    const started = Date.now();
    // A mutant may allocate without end.
    const child = spawn('bash', ['-c', 'ulimit -v 12000000; exec "$0" "$@"', program.file, ...args], {
      cwd: program.folder,
      env: {
        ...process.env,
        CARGO_MANIFEST_DIR: program.folder,
        CARGO_TARGET_DIR: options.target,
        HEALTHGATE_MUTANT: String(number),
        PROPTEST_MAX_SHRINK_ITERS: '0',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    let verdict = null;
    const end = (outcome, test) => {
      if (verdict) return;
      verdict = { outcome, test, output };
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(() => end('timeout', null), limit);
    child.stdout.on('data', (data) => {
      output += data;
      const failed = /^test (\S+)(?: - should panic)? \.\.\. FAILED/m.exec(output);
      if (failed) end('caught', failed[1]);
    });
    child.stderr.on('data', (data) => (output += data));
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const own = status === 0 ? 'passed' : 'caught';
      resolve({ ...(verdict ?? { outcome: own, test: signal ?? `status ${status}`, output }), time: Date.now() - started });
    });
  });
}

// The tests that have caught a mutant pass without one.
async function confirm(options, list) {
  for (const program of list) {
    const caught = chosen.filter((one) => one.outcome === 'caught' && one.by.startsWith(`${program.name} `));
    const killers = [...new Set(caught.map((one) => one.by.split(' ')[1]))].filter((one) => /^\w+(::\w+)+$|_/.test(one));
    if (killers.length === 0) continue;
    const run = await runProgram(options, program, 0, ['--exact', ...killers], 1_800_000, few);
    if (run.outcome !== 'passed') {
      fail(`without a mutant, ${program.name} fails in ${run.test}:\n${run.output.slice(-3000)}`);
    }
    console.log(`   ${program.name}: the ${killers.length} tests that caught mutants pass without one`);
  }
}

async function baseline(options, list) {
  for (const program of list) {
    const run = await runProgram(options, program, 0, testArguments, 1_800_000, {});
    if (run.outcome !== 'passed') {
      fail(`without a mutant, ${program.name} fails in ${run.test}:\n${run.output.slice(-3000)}`);
    }
    program.time = run.time;
    console.log(`   ${program.name}: passes without a mutant in ${(run.time / 1000).toFixed(1)} s`);
  }
}

// Where to look first, by the beginning of a file's name: test programs, each with a filter of its tests. What takes
// long comes later, with all others.
const slow = ['exhaustive', '_reach_', 'f83_a_million', 'f88_every_password'].flatMap((name) => ['--skip', name]);
const likely = [
  ['src/api/', [['api', '']]],
  ['src/store/transition', [['rules', 'transitions'], ['rules', 'decide::rollouts']]],
  ['src/store/postgres/', [['stores', 'postgres']]],
  ['src/store/sqlite/', [['stores', 'sqlite']]],
  ['src/store/', [['stores', 'memory']]],
  ['src/checks/', [['lib', 'checks::']]],
  ['src/crypto/', [['lib', 'crypto::'], ['rules', 'crypto::']]],
  ['src/gate/recurrence/', [['rules', 'windows::']]],
  ['src/gate/admission', [['rules', 'decide::sources']]],
  ['src/gate/groups', [['rules', 'decide::sources']]],
  ['src/gate/conditions', [['rules', 'decide::sources']]],
  ['src/gate/verify', [['rules', 'decide::verdicts'], ['rules', 'decide::verifying']]],
  ['src/gate/rollout', [['rules', 'decide::rollouts']]],
  ['src/gate/freeze', [['rules', 'decide::sources'], ['rules', 'decide::freezes']]],
  ['src/gate/decide/', [['rules', 'decide::model'], ['rules', 'decide::properties'], ['rules', 'decide::sources']]],
  ['src/gate/', [['lib', 'gate::'], ['rules', 'decide::']]],
  ['src/model/', [['lib', 'model::'], ['rules', 'model_input']]],
  ['src/clock/', [['lib', 'clock::']]],
];

// F87 looks for copies of a password in memory, and unoptimised code leaves some.
const testArguments = ['--test-threads=1', '--skip', 'f87_an_opened_password_leaves_no_copy_in_memory'];

// The cases of a property in the tests that come first. What these find, ten thousand find as well.
const few = { PROPTEST_CASES: '2000' };

// A failure of a test that waits for others' time counts if it comes again.
const unsteady = new Set(['engine', 'stores', 'api', 'small_worlds', 'seeds']);

// Runs the likely tests on a mutant, or, where none of them has caught it, all.
async function judge(options, list, mutant, number, which) {
  let late = null;
  // Returns whether the mutant is caught.
  const attempt = async (program, args, environment) => {
    const limit = 120_000 + (program.time ?? 0) * 5;
    let ended = await runProgram(options, program, number, args, limit, environment);
    if (ended.outcome === 'caught' && unsteady.has(program.name) && ended.test.includes('_')) {
      const again = await runProgram(options, program, number, ['--exact', ended.test], limit, environment);
      if (again.outcome === 'passed') {
        console.log(`   ${ended.test} failed once, and not again, on ${mutant.name}`);
        ended = await runProgram(options, program, number, [...args, '--skip', ended.test], limit, environment);
      }
    }
    if (ended.outcome === 'timeout') late = program;
    if (ended.outcome === 'caught') note(mutant, program, ended);
    return ended.outcome === 'caught';
  };
  if (which === 'likely') {
    // Those that caught others of this file, then those about it.
    for (const program of list) {
      const killers = [...(program.killers.get(mutant.file) ?? [])].slice(0, 12);
      if (killers.length > 0 && (await attempt(program, ['--test-threads=1', '--exact', ...killers], few))) return;
    }
    const [, hints] = likely.find(([start]) => mutant.file.startsWith(start)) ?? ['', []];
    for (const [name, filter] of hints) {
      const program = list.find((one) => one.name === name);
      if (program && (await attempt(program, [...testArguments, ...slow, filter], few))) return;
    }
    return;
  }
  for (const program of list) {
    if (await attempt(program, testArguments, {})) return;
  }
  mutant.outcome = late ? 'timeout' : 'missed';
  mutant.by = late ? late.name : null;
}

function note(mutant, program, run) {
  Object.assign(mutant, { outcome: 'caught', by: `${program.name} ${run.test}` });
  const known = (program.killers.get(mutant.file) ?? []).filter((one) => one !== run.test);
  if (/^[\w:]+$/.test(run.test) && !/^SIG/.test(run.test)) program.killers.set(mutant.file, [run.test, ...known]);
}

async function judgeAll(options, list, mutants, which) {
  const queue = [...mutants];
  const started = Date.now();
  let done = 0;
  const worker = async () => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      await judge(options, list, mutant, mutant.number, which);
      done += 1;
      const about = mutant.outcome === 'caught' ? `by ${mutant.by}` : '';
      const seconds = Math.round((Date.now() - started) / 1000);
      if (which === 'all' || options.verbose) {
        console.log(`   ${done}/${mutants.length} ${seconds} s  ${mutant.outcome ?? 'not yet caught'}: ${mutant.name} ${about}`);
      }
      save(options);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
}

// Mutants that cannot share a build.
async function judgeAlone(options, suite, mutants) {
  for (const mutant of mutants) {
    plantAlone(options.copy, mutant);
    const made = cargo(options, suite);
    if (made.status !== 0) {
      mutant.outcome = 'unviable';
    } else {
      const list = programs(options, suite, made.messages);
      list.forEach((program) => (program.time = suite.times.get(program.name) ?? 120_000));
      await judge(options, list, mutant, 0, 'likely');
      if (!mutant.outcome) await judge(options, list, mutant, 0, 'all');
    }
    console.log(`   alone, ${mutant.alone}: ${mutant.outcome}: ${mutant.name}`);
    save(options);
  }
}

let chosen = [];
function save(options) {
  const rows = chosen.map((one) => ({ name: one.name, outcome: one.outcome ?? null, by: one.by ?? null, alone: one.alone ?? null }));
  fs.writeFileSync(options.report, `${JSON.stringify(rows, null, 1)}\n`);
}

// The cheapest come first, and what survives one goes on to the next. They are built as scripts/test builds, so that the
// dependencies may be there already: the library alone unoptimised, and the whole workspace with all features. The latter
// makes programs as well, and has a target directory of its own.
const unoptimised = { CARGO_PROFILE_DEV_OPT_LEVEL: '0', CARGO_PROFILE_DEV_DEBUG: '0' };
const suites = {
  rules: {
    name: 'the unit tests and the rules',
    packages: ['healthgate'],
    selection: ['--features', 'conformance,testing', '--lib', '--test', 'rules'],
    environment: unoptimised,
    programs: ['lib', 'rules'],
  },
  engine: {
    name: 'the engine and the store in memory',
    packages: ['healthgate'],
    selection: ['--features', 'conformance,testing', '--test', 'engine', '--test', 'stores'],
    environment: unoptimised,
    programs: ['stores', 'engine'],
  },
  all: {
    name: 'all of the library, its proof and its simulation',
    packages: [],
    selection: [
      '--workspace', '--all-features', '--config', 'profile.dev.package.healthgate.opt-level=0',
      '--lib', ...['rules', 'engine', 'api', 'stores', 'small_worlds', 'seeds'].flatMap((name) => ['--test', name]),
    ],
    environment: {},
    apart: true,
    programs: ['lib', 'rules', 'engine', 'api', 'small_worlds', 'seeds', 'stores'],
  },
};

async function run(options) {
  const list = JSON.parse(fs.readFileSync(options.list, 'utf8'));
  chosen = options.sample ? sample(list, options.sample, options.seed) : list;
  if (options.again) {
    const earlier = new Map(JSON.parse(fs.readFileSync(options.again, 'utf8')).map((one) => [one.name, one]));
    chosen.forEach((one) => {
      const before = earlier.get(one.name);
      if (before && ['caught', 'unviable'].includes(before.outcome)) Object.assign(one, before);
      if (before && before.alone) one.alone = before.alone;
    });
  }
  chosen.forEach((one, index) => (one.number = index + 1));
  console.log(`   ${list.length} mutants, ${chosen.length} chosen${options.sample ? ` with --seed ${options.seed}` : ''}`);
  if (chosen.length === 0) return;
  const open = () => chosen.filter((one) => !['caught', 'unviable'].includes(one.outcome));
  for (const name of options.suites) {
    const suite = suites[name];
    if (open().length === 0) break;
    open().forEach((one) => (one.outcome = undefined));
    // All of them, so that a run with --again finds its build.
    const made = build(options, suite, chosen);
    save(options);
    await judgeAll(options, made, open().filter((one) => !one.alone), 'likely');
    await confirm(options, made);
    if (open().some((one) => !one.alone)) await baseline(options, made);
    await judgeAll(options, made, open().filter((one) => !one.alone), 'all');
    suite.times = new Map(made.map((one) => [one.name, one.time]));
    await judgeAlone(options, suite, open().filter((one) => one.alone));
  }
  report(options);
}

function report(options) {
  const reasons = new Map(accepted().map((one) => [`${one.name}\n${one.place}`, one.reason]));
  const survivors = chosen.filter((one) => ['missed', 'timeout'].includes(one.outcome));
  const count = (list, outcome) => list.filter((one) => one.outcome === outcome).length;
  const row = (name, list) => console.log(
    `   ${name.padEnd(44)} ${[list.length, count(list, 'caught'), count(list, 'missed'), count(list, 'timeout'), count(list, 'unviable')]
      .map((figure) => String(figure).padStart(8)).join('')}`);
  console.log(`\n   ${''.padEnd(44)} ${['mutants', 'caught', 'missed', 'timeout', 'unviable'].map((one) => one.padStart(8)).join('')}`);
  for (const file of [...new Set(chosen.map((one) => one.file))].sort()) row(file, chosen.filter((one) => one.file === file));
  row('together', chosen);
  const open = survivors.filter((one) => !reasons.has(keyOf(one)));
  console.log(`   ${survivors.length - open.length} of the survivors are accepted (.cargo/mutants-accepted.txt)`);
  for (const one of open) {
    console.log(`\n${one.outcome}: ${one.name}\n${keyOf(one).replace('\n', '\n    ')}`);
  }
  if (open.length > 0) fail(`${open.length} mutants survive, and are not accepted`);
}

const [, , command, ...rest] = process.argv;
if (command === 'accepted') checkAccepted(JSON.parse(fs.readFileSync(rest[0], 'utf8')));
else if (command === 'run') run(JSON.parse(rest[0])).catch((error) => fail(error.stack));
else fail(`unknown command: ${command}`);
