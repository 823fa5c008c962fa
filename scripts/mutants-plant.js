// Makes a copy of the tree with mutants in it, and builds its test programs. Part of scripts/mutants.js.
//
// All mutants are built at once. A function with mutants becomes `match active() { 1 => { its body with mutant 1 }
// … _ => { its body } }`, and the environment of a test program says which one is active (0 for none). A mutant that
// does not compile is unviable. Functions whose mutants cannot share a build, because they return `impl Trait` or are
// needed at compile time, are built once for each mutant.
'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { plantTree, root } = require('./planted-tree.js');

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

const sources = new Map();
function source(file) {
  if (!sources.has(file)) sources.set(file, new Source(fs.readFileSync(path.join(root, file), 'utf8')));
  return sources.get(file);
}

// A text with the offsets of cargo-mutants' positions, which count lines and characters from 1.
class Source {
  constructor(text) {
    this.text = text;
    this.lines = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.lines.push(at + 1);
  }

  offset({ line, column }) {
    let at = this.lines[line - 1];
    for (let left = column - 1; left > 0; left -= 1) at += this.text.codePointAt(at) > 0xffff ? 2 : 1;
    return at;
  }

  // The line at which a span begins, with « and » around the part of the span that is in it.
  place({ start, end }) {
    const [from, to] = [this.offset(start), this.offset(end)];
    const begin = this.lines[start.line - 1];
    const stop = this.lines[start.line] === undefined ? this.text.length : this.lines[start.line] - 1;
    const until = Math.min(to, stop);
    return `${this.text.slice(begin, from)}«${this.text.slice(from, until)}»${this.text.slice(until, stop)}`.trim();
  }
}

const marker = ' /* ~ changed by cargo-mutants ~ */';

// Where the body of a function begins: at the first brace outside of brackets.
function bodyOf(text, from, to) {
  let depth = 0;
  for (let at = from; at < to; at += 1) {
    const one = text[at];
    if (text.startsWith('//', at)) at = text.indexOf('\n', at);
    else if (one === '(' || one === '[') depth += 1;
    else if (one === ')' || one === ']') depth -= 1;
    else if (one === '{' && depth === 0) return at;
  }
  return -1;
}

function mutated(of, mutant, from, to) {
  const [start, end] = [of.offset(mutant.span.start), of.offset(mutant.span.end)];
  return of.text.slice(from, start) + mutant.replacement + marker + of.text.slice(end, to);
}

// The outermost functions with mutants, each with its place and the mutants in it.
function functions(mutants) {
  const found = new Map();
  for (const mutant of mutants) {
    const of = source(mutant.file);
    const span = mutant.function && mutant.function.span;
    if (!span) {
      mutant.alone = 'it is outside of a function';
      continue;
    }
    const [from, to] = [of.offset(span.start), of.offset(span.end)];
    const list = found.get(mutant.file) ?? [];
    found.set(mutant.file, list);
    let one = list.find((other) => other.from <= from && to <= other.to);
    if (!one) {
      const inner = list.filter((other) => from <= other.from && other.to <= to);
      one = { from, to, mutants: inner.flatMap((other) => other.mutants) };
      inner.forEach((other) => list.splice(list.indexOf(other), 1));
      list.push(one);
    }
    one.mutants.push(mutant);
  }
  for (const [file, list] of found) {
    const { text } = source(file);
    for (const one of list) {
      one.body = bodyOf(text, one.from, one.to);
      const head = text.slice(one.from, one.body);
      const returned = head.slice(head.lastIndexOf(')'));
      const name = one.mutants[0].function.function_name;
      if (one.body < 0) fail(`${file}: no body of ${name}`);
      if (/->[^{]*\bimpl\b/.test(head) || /\bimpl\b/.test(returned)) {
        one.mutants.forEach((mutant) => (mutant.alone = 'its function returns `impl Trait`'));
      }
    }
  }
  return found;
}

// The texts of the files with mutants in them, and where each mutant stands, in bytes.
function planted(mutants) {
  const files = new Map();
  const places = new Map();
  const viable = mutants.filter((mutant) => mutant.outcome !== 'unviable' && !mutant.alone);
  for (const [file, list] of functions(viable)) {
    const of = source(file);
    list.sort((left, right) => left.from - right.from);
    const arms = [];
    let text = '';
    let last = 0;
    for (const one of list) {
      const inside = one.mutants.filter((mutant) => !mutant.alone);
      if (inside.length === 0) continue;
      const head = of.text.slice(one.from, one.body);
      text += of.text.slice(last, one.from) + head.replace(/\bconst\s+(?=(?:async\s+|unsafe\s+)*fn\b)/, '');
      text += '{ match crate::mutation::active() {\n';
      for (const mutant of inside) {
        const begin = Buffer.byteLength(text);
        text += `${mutant.number} => ${mutated(of, mutant, one.body, one.to)}\n`;
        arms.push({ begin, end: Buffer.byteLength(text), mutant });
      }
      text += `_ => ${of.text.slice(one.body, one.to)}\n} }`;
      last = one.to;
    }
    files.set(file, text + of.text.slice(last));
    places.set(file, arms);
  }
  const library = files.get('src/lib.rs') ?? fs.readFileSync(path.join(root, 'src/lib.rs'), 'utf8');
  files.set('src/lib.rs', `${library}\n#[doc(hidden)]\npub mod mutation;\n`);
  files.set('src/mutation.rs', switchSource);
  return { files, places };
}

const switchSource = `//! The mutant that is active.

use std::sync::OnceLock;

/// Returns its number, or 0.
pub fn active() -> u32 {
    static ACTIVE: OnceLock<u32> = OnceLock::new();
    *ACTIVE.get_or_init(|| {
        std::env::var("HEALTHGATE_MUTANT").ok().and_then(|it| it.parse().ok()).unwrap_or(0)
    })
}
`;

// Cargo tells the copy's packages from the tree's by their profile and their times alone. Another profile, so that no
// build of the tree takes a library with mutants in it.
const ownProfile = ['--config', 'profile.dev.package.healthgate.codegen-units=200'];

function cargo(options, suite) {
  const packages = suite.packages.flatMap((name) => ['--package', name]);
  const args = ['test', '--no-run', '--locked', ...packages, ...suite.selection, ...ownProfile, '--message-format=json'];
  const run = spawnSync('cargo', args, {
    cwd: options.copy,
    env: { ...process.env, CARGO_TARGET_DIR: suite.apart ? options.build : options.target, ...suite.environment },
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const messages = (run.stdout ?? '').split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const errors = messages.filter((one) => one.reason === 'compiler-message' && one.message.level === 'error');
  return { status: run.status, messages, errors: errors.map((one) => one.message), stderr: run.stderr };
}

// Builds a suite's test programs with all mutants in them. Takes out what does not compile until the rest does.
function build(options, suite, mutants) {
  for (let round = 1; ; round += 1) {
    const { files, places } = planted(mutants);
    plantTree(options.copy, files);
    const started = Date.now();
    const made = cargo(options, suite);
    const seconds = Math.round((Date.now() - started) / 1000);
    if (made.status === 0) {
      console.log(`   built ${suite.name} in ${seconds} s`);
      return programs(options, suite, made.messages);
    }
    const hit = new Set();
    const stray = [];
    for (const error of made.errors.filter((one) => one.spans.length > 0)) {
      const spans = [...error.spans.filter((one) => one.is_primary), ...error.spans.filter((one) => !one.is_primary)];
      const arm = spans.map((span) => armOf(places, span)).find(Boolean);
      if (arm) hit.add(arm);
      else stray.push(error);
    }
    for (const error of stray) {
      // A function that is needed at compile time: `cannot call non-const function `v4` in constants`.
      const named = /non-const (?:associated function|function|method) `([^`]+)`/.exec(error.message);
      const name = named && named[1].replace(/<[^>]*>/g, '').split('::').at(-1);
      const own = mutants.filter((one) => one.function && one.function.function_name.split('::').at(-1) === name);
      if (own.length === 0) fail(`the planted tree does not build:\n${error.rendered}`);
      own.forEach((one) => (one.alone ??= 'its function is needed at compile time'));
      hit.add(null);
    }
    if (hit.size === 0) fail(`the planted tree does not build:\n${made.stderr.slice(-4000)}`);
    hit.forEach((mutant) => mutant && (mutant.outcome = 'unviable'));
    console.log(`   round ${round}: ${hit.size} do not compile (${seconds} s)`);
  }
}

function armOf(places, span) {
  for (let at = span; at; at = at.expansion && at.expansion.span) {
    const arms = places.get(at.file_name) ?? [];
    const arm = arms.find((one) => one.begin <= at.byte_start && at.byte_start < one.end);
    if (arm) return arm.mutant;
  }
  return null;
}

// The test programs of a build, in the order of the suite.
function programs(options, suite, messages) {
  const made = messages.filter((one) => one.reason === 'compiler-artifact' && one.executable && one.profile.test);
  const list = made.map((one) => ({
    name: one.target.kind.includes('lib') && one.target.name === 'healthgate' ? 'lib' : one.target.name,
    file: one.executable,
    folder: path.dirname(one.manifest_path),
    killers: new Map(),
  }));
  const rank = (one) => suite.programs.indexOf(one.name);
  return list.filter((one) => rank(one) >= 0).sort((left, right) => rank(left) - rank(right));
}

// Writes the tree with one mutant, which is always active.
function plantAlone(to, mutant) {
  const of = source(mutant.file);
  plantTree(to, new Map([[mutant.file, mutated(of, mutant, 0, of.text.length)]]));
}

module.exports = { build, cargo, fail, plantAlone, programs, root, source };
