// Makes a copy of the tree with changed files in it. Part of scripts/planted-bugs.js and scripts/mutants-plant.js.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const root = path.dirname(__dirname);

// Leaves files alone that are as they should be, so that cargo builds only what has changed.
function write(file, content) {
  if (fs.existsSync(file) && fs.readFileSync(file).equals(Buffer.from(content))) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
}

// Makes the folder `to` the tree, with these texts instead of its own files, and without what has a name in `left`.
function plantTree(to, files, left = []) {
  const skipped = new Set(['.git', 'target', 'node_modules', 'dist', ...left]);
  const kept = new Set(files.keys());
  const walk = (place) => {
    for (const entry of fs.readdirSync(path.join(root, place), { withFileTypes: true })) {
      const inside = path.join(place, entry.name);
      if (skipped.has(entry.name)) continue;
      kept.add(inside);
      if (entry.isDirectory()) walk(inside);
      else if (entry.isFile() && !files.has(inside)) {
        write(path.join(to, inside), fs.readFileSync(path.join(root, inside)));
      }
    }
  };
  walk('');
  for (const [file, text] of files) write(path.join(to, file), text);
  // What is no longer in the tree, such as a migration or a test of an earlier copy.
  for (const inside of fs.readdirSync(to, { recursive: true })) {
    if (!kept.has(inside)) fs.rmSync(path.join(to, inside), { recursive: true, force: true });
  }
}

module.exports = { plantTree, root };
