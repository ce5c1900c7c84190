// A list of messages that is drawn again without losing focus, place or half-typed words: what did not change stays.

// items: [{id, key, node()}]; `key` says all that the node shows. `view` says whose eyes these are: another one begins anew.
export function redraw(list, items, view, empty) {
  const drawn = list.drawn ??= new Map();
  const at_end = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const fresh = list.dataset.view !== view;
  if (fresh) {
    drawn.clear();
    list.replaceChildren();
    list.dataset.view = view;
  }
  const nodes = items.map((item) => {
    const old = drawn.get(item.id);
    if (old?.key === item.key) return old.node;
    const node = item.node();
    if (old) old.node.replaceWith(node);
    drawn.set(item.id, { key: item.key, node });
    return node;
  });
  const wanted = new Set(items.map((item) => item.id));
  for (const [id, old] of drawn) {
    if (wanted.has(id)) continue;
    old.node.remove();
    drawn.delete(id);
  }
  list.querySelector(":scope > .empty")?.remove();
  nodes.forEach((node, index) => { if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null); });
  if (nodes.length === 0) list.append(empty());
  if (at_end || fresh) list.scrollTop = list.scrollHeight;
}
