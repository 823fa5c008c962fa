// Prints the types and traits of other crates that the public API names, one a line, from rustdoc's JSON; run by
// scripts/check-api. Traits that only derives implement (serde, utoipa, sqlx) count like any other: users see them.
'use strict';

const [file] = process.argv.slice(2);
const { root, index, paths, external_crates: crates } = JSON.parse(require('node:fs').readFileSync(file, 'utf8'));
const own = new Set(['std', 'core', 'alloc', 'healthgate']);
const found = new Set();
const seen = new Set();

// Collects every path in a type, a signature or a bound.
function names(node) {
  if (Array.isArray(node)) return node.forEach(names);
  if (node === null || typeof node !== 'object') return;
  if (node.id !== undefined && typeof node.path === 'string') {
    const target = paths[node.id];
    const crate = target && target.crate_id !== 0 && crates[target.crate_id]?.name;
    if (crate && !own.has(crate)) found.add(`${crate}::${target.path.at(-1)}`);
  }
  Object.values(node).forEach(names);
}

function visit(id) {
  const item = index[id];
  if (!item || seen.has(id) || item.crate_id !== 0) return;
  seen.add(id);
  if (item.attrs?.some((each) => JSON.stringify(each).includes('hidden'))) return;
  const [[kind, inner]] = Object.entries(item.inner);
  const children = (list) => (list ?? []).filter((each) => typeof each === 'number').forEach(visit);
  switch (kind) {
    case 'module':
      inner.items.forEach((child) => {
        if (index[child]?.visibility === 'public' || index[child]?.visibility === 'default') visit(child);
      });
      break;
    case 'use': {
      const target = inner.id !== null && index[inner.id];
      if (target) visit(inner.id);
      else if (inner.id !== null && paths[inner.id]) names({ id: inner.id, path: inner.source });
      break;
    }
    case 'impl':
      if (inner.is_synthetic || inner.blanket_impl) return;
      if (inner.trait && paths[inner.trait.id]?.crate_id === 0 && !index[inner.trait.id]) return;
      names([inner.trait, inner.generics, inner.for]);
      inner.items.filter((child) => inner.trait || index[child]?.visibility === 'public').forEach(visit);
      break;
    case 'struct': {
      const fields = inner.kind?.plain?.fields ?? inner.kind?.tuple ?? [];
      fields.filter((each) => each !== null && index[each]?.visibility === 'public').forEach(visit);
      names(inner.generics);
      children(inner.impls);
      break;
    }
    case 'enum':
      names(inner.generics);
      children(inner.variants);
      children(inner.impls);
      break;
    case 'variant':
      children(inner.kind?.struct?.fields ?? inner.kind?.tuple);
      break;
    case 'trait':
      names([inner.generics, inner.bounds]);
      children(inner.items);
      break;
    default:
      names(inner);
  }
}

visit(root);
if (seen.size < 500) throw new Error(`only ${seen.size} items were read`);
console.log([...found].sort().join('\n'));
