// The page's own parts, asked one by one in the browser: what becomes of a room's events, of a message's HTML, of a card's text.
import assert from "node:assert/strict";

// Rows [title, HTML, what the page makes of it].
const kHtml = [
  ["plain", "a <b>b</b> <i>c</i>", "a <b>b</b> <i>c</i>"],
  ["unknown elements leave their text", "<font color=red>a</font><marquee>b</marquee>", "ab"],
  ["scripts and styles leave nothing", "a<script>alert(1)</script><style>p{}</style><SCRIPT\n>x</script >b", "ab"],
  ["an open script swallows the rest", "a<script>b<b>c</b>", "a"],
  ["the old reply is cut out", "<mx-reply><blockquote>old</blockquote></mx-reply>new", "new"],
  ["attributes go", "<p onclick=\"x()\" style='color:red' id=link class=x>a</p>", "<p>a</p>"],
  ["only addresses that lead to pages and mail", "<a href=\"javascript:alert(1)\">a</a><a href=\" https://x\">b</a><a href='data:text/html,x'>c</a>", "<span>a</span><span>b</span><span>c</span>"],
  ["entities are decoded once", "&lt;b&gt;&amp;lt; &#60;&#x3c; &unknown; &#0;&#xD800;", "&lt;b&gt;&amp;lt; &lt;&lt; &amp;unknown; \ufffd\ufffd"],
  ["a quote in an attribute hides no tag", "<a title=\"x> <b>\" href='https://x/?a=1&amp;b=2'>y</a>", "<a href=\"https://x/?a=1&amp;b=2\" target=\"_blank\" rel=\"noreferrer noopener\">y</a>"],
  ["what is no tag is text", "1 < 2 <3 </ > <>", "1 &lt; 2 &lt;3 &lt;/ &gt; &lt;&gt;"],
  ["comments go", "a<!-- <b> -->b<!-- no end", "ab"],
  ["ends without a beginning, and the reverse", "</p>a</div><b>c", "a<b>c</b>"],
  ["items end each other", "<ul><li>a<li>b</ul>c", "<ul><li>a</li><li>b</li></ul>c"],
  ["headings are none of the page's", "<h1>a</h1>", "<div class=\"block header\" role=\"heading\" aria-level=\"3\">a</div>"],
  ["a list may begin elsewhere, with a number", "<ol start=\"3\"><li>a</li></ol><ol start=\"x\"></ol>", "<ol start=\"3\"><li>a</li></ol><ol></ol>"],
  ["a mention is drawn by us", "<a href=\"https://matrix.to/#/%40bob%3Aexample.org\">Admin</a>", "<span>@bob:example.org</span>"],
];

const message = (id, sender, ts, content) => ({ event_id: id, type: "m.room.message", sender, origin_server_ts: ts, content });
const edit = (id, sender, ts, of, body) => message(id, sender, ts, { body: "* " + body, "m.new_content": { body }, "m.relates_to": { rel_type: "m.replace", event_id: of } });
const reaction = (id, sender, of, key) => ({ event_id: id, type: "m.reaction", sender, origin_server_ts: 1, content: { "m.relates_to": { rel_type: "m.annotation", event_id: of, key } } });
const redacted = (event) => ({ ...event, content: {}, unsigned: { redacted_because: { sender: event.sender } } });

// Rows [title, events, the rooms's messages as "id body[, edited] {key: who} (replies)"].
const kTimelines = [
  ["the newest edit by the author wins, whatever came last", [message("$a", "@bot", 1, { body: "old" }), edit("$c", "@bot", 9, "$a", "new"), edit("$b", "@bot", 5, "$a", "stale")], "$a new*"],
  ["of two edits at one time the greater id wins", [message("$a", "@bot", 1, { body: "old" }), edit("$c", "@bot", 5, "$a", "c"), edit("$b", "@bot", 5, "$a", "b")], "$a c*"],
  ["nobody edits another's message", [message("$a", "@bot", 1, { body: "old" }), edit("$b", "@mallory", 5, "$a", "forged")], "$a old"],
  ["an edit of an edit is none", [message("$a", "@bot", 1, { body: "old" }), edit("$b", "@bot", 2, "$a", "new"), edit("$c", "@bot", 3, "$b", "no")], "$a new*"],
  ["a redacted edit gives way to the one before; that it was one, nobody can tell any more", [message("$a", "@bot", 1, { body: "old" }), edit("$b", "@bot", 2, "$a", "first"), redacted(edit("$c", "@bot", 3, "$a", "gone"))], "$a first*; $c deleted"],
  ["an edit without new content is none", [message("$a", "@bot", 1, { body: "old" }), message("$b", "@bot", 2, { body: "* x", "m.relates_to": { rel_type: "m.replace", event_id: "$a" } })], "$a old"],
  ["a redacted message is gone", [redacted(message("$a", "@bot", 1, { body: "x" }))], "$a deleted"],
  ["one reaction a person and key; one taken back is gone", [message("$a", "@bot", 1, { body: "x" }), reaction("$1", "@bob", "$a", "✅"), reaction("$2", "@bob", "$a", "✅"), reaction("$3", "@carol", "$a", "✅"), redacted(reaction("$4", "@erin", "$a", "❌"))], "$a x {✅: @bob @carol}"],
  ["a reaction to what is not there is none", [reaction("$1", "@bob", "$nowhere", "✅")], ""],
  ["replies stand below their root, and by themselves without one", [message("$a", "@bot", 1, { body: "x" }), message("$b", "@bob", 2, { body: "y", "m.relates_to": { rel_type: "m.thread", event_id: "$a" } }), message("$c", "@bob", 3, { body: "z", "m.relates_to": { rel_type: "m.thread", event_id: "$gone" } })], "$a x ($b y); $c z"],
];

const kCardTexts = [
  ["emphasis and links", "**a** _b_ [c](https://x/y)", "<p><strong>a</strong> <em>b</em> <a href=\"https://x/y\" target=\"_blank\" rel=\"noreferrer noopener\">c</a></p>"],
  ["a backslash takes the meaning away", "\\*\\*a\\*\\* \\[b\\](https://x) \\_c\\_", "<p>**a** [b](https://x) _c_</p>"],
  ["no HTML, no headings", "<b>a</b>\n\n# b", "<p>&lt;b&gt;a&lt;/b&gt;</p><p># b</p>"],
  ["lists, and a line end that is a blank", "a\nb\n\n- c\n- d\n\n1. e", "<p>a b</p><ul><li>c</li><li>d</li></ul><ol><li>e</li></ol>"],
  ["words with underscores stay whole", "snake_case_name", "<p>snake_case_name</p>"],
  ["a link that leads nowhere good is its words", "[a](javascript:alert)", "<p>a</p>"],
];

export const partSteps = {
  async "parts: a room's events become messages"({ page }) {
    for (const [title, events, wanted] of kTimelines) {
      const got = await page.evaluate(async (list) => {
        const { timeline } = await import("/matrix_timeline.js");
        const words = (one) => one.event.event_id + " " + (one.gone ? "deleted" : one.content.body + (one.edited ? "*" : "")) +
          one.reactions.map(({ key, events: given }) => " {" + key + ": " + given.map((event) => event.sender).join(" ") + "}").join("") +
          (one.replies.length > 0 ? " (" + one.replies.map(words).join("; ") + ")" : "");
        return timeline(list).map(words).join("; ");
      }, events);
      assert.equal(got, wanted, title);
    }
  },
  async "parts: a message's HTML becomes nodes, and nothing else"({ page }) {
    for (const [title, html, wanted] of kHtml) {
      const got = await page.evaluate(async (text) => {
        const { matrixHtml } = await import("/matrix_html.js");
        const box = document.createElement("div");
        box.append(...matrixHtml(text, (id) => Object.assign(document.createElement("span"), { textContent: id })));
        return box.innerHTML;
      }, html);
      assert.equal(got, wanted, title);
    }
    const depth = await page.evaluate(async () => {
      const { matrixHtml } = await import("/matrix_html.js");
      let node = matrixHtml("<div>".repeat(5000) + "deep", () => document.createElement("span"))[0], depth = 0;
      for (; node; node = node.firstChild) depth += 1;
      return depth;
    });
    assert.ok(depth <= 102, "nested " + depth + " deep");
  },
  async "parts: a card's text"({ page }) {
    for (const [title, text, wanted] of kCardTexts) {
      const got = await page.evaluate(async (words) => {
        const { cardText } = await import("/card_text.js");
        const box = document.createElement("div");
        box.append(...cardText(words, () => null));
        return box.innerHTML;
      }, text);
      assert.equal(got, wanted, title);
    }
  },
};
