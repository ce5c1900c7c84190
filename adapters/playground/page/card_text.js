// The text of Adaptive Cards as Teams shows it: **bold**, _italic_, [label](url), lists, backslash escapes, and <at>…</at>
// where the card's entities name that mention. No HTML, no headings, no tables, no pictures.
import { link, make } from "./dom.js";
import { pictured } from "./pictures.js";

// Emphasis stands at word borders; a backslash before punctuation makes it plain.
const kInline = /\\([!-/:-@[-`{-~])|\[((?:[^\[\]\\\n]|\\.)*)\]\(([^()\s]*)\)|\*\*(\S(?:[^*\n]*\S)?)\*\*|(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])|(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])|(<at>[^<>\n]*<\/at>)/g;

function inline(text, into, mentions) {
  let at = 0;
  for (const match of text.matchAll(kInline)) {
    into.append(...pictured(text.slice(at, match.index)));
    at = match.index + match[0].length;
    if (match[1] !== undefined) into.append(match[1]);
    else if (match[2] !== undefined) into.append(link(match[3], match[2].replace(/\\(.)/g, "$1")));
    else if (match[7] !== undefined) into.append(mentions(match[7]) ?? match[7]);
    else {
      const node = make(match[4] !== undefined ? "strong" : "em");
      inline(match[4] ?? match[5] ?? match[6], node, mentions);
      into.append(node);
    }
  }
  into.append(...pictured(text.slice(at)));
}

// mentions(text): the node for "<at>Bob</at>", or nothing if no entity stands behind it.
export function cardText(text, mentions) {
  const out = [];
  let list = null;
  for (const paragraph of text.split(/\r?\n[ \t]*\r?\n/)) {
    let words = [];
    const flush = () => {
      if (words.length > 0) {
        const node = make("p");
        inline(words.join(" "), node, mentions);
        out.push(node);
      }
      words = [];
    };
    list = null;
    for (const line of paragraph.split(/\r\n|\n|\r/)) {
      const item = /^\s*(?:([-*])|\d{1,9}[.)])\s+(.*)$/.exec(line);
      if (!item) {
        list = null;
        words.push(line);  // a single line end is a blank, as in Markdown
        continue;
      }
      flush();
      const tag = item[1] ? "ul" : "ol";
      if (list?.localName !== tag) out.push(list = make(tag));
      const node = make("li");
      inline(item[2], node, mentions);
      list.append(node);
    }
    flush();
  }
  return out;
}
