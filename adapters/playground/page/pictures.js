// Emoji, drawn by us since not every machine has a font with pictures.
import { make } from "./dom.js";

// Glyph, colour, name.
const kPictures = { "✅": ["✓", "good", "done"], "✔": ["✓", "good", "done"], "❌": ["✗", "bad", "no"], "✖": ["✗", "bad", "no"], "⛔": ["–", "bad", "no entry"], "🚨": ["!", "bad", "alarm"], "🔴": ["", "bad", "red"],
  "⚠": ["!", "warn", "warning"], "⏳": ["…", "warn", "waiting"], "⌛": ["…", "warn", "waiting"], "🕒": ["…", "warn", "waiting"], "🟡": ["", "warn", "yellow"], "🟠": ["", "warn", "orange"],
  "🟢": ["", "good", "green"], "⚪": ["", "quiet", "white"], "⏹": ["■", "quiet", "stopped"], "🚫": ["–", "bad", "no"], "ℹ": ["i", "quiet", "information"] };
const kShort = { white_check_mark: "✅", heavy_check_mark: "✔", x: "❌", no_entry: "⛔", rotating_light: "🚨", red_circle: "🔴", warning: "⚠", hourglass: "⌛", hourglass_flowing_sand: "⏳",
  large_yellow_circle: "🟡", large_orange_circle: "🟠", large_green_circle: "🟢", white_circle: "⚪", stop_button: "⏹", no_entry_sign: "🚫", information_source: "ℹ",
  bell: "🔔", lock: "🔒", memo: "📝", eyes: "👀", "+1": "👍", "-1": "👎", arrows_counterclockwise: "🔄", gear: "⚙" };
const kPattern = new RegExp("(" + Object.keys(kPictures).join("|") + ")\uFE0F?", "u");

function picture(sign) {
  const [glyph, tone, name] = kPictures[sign];
  return make("span", { class: "picture " + tone, role: "img", "aria-label": name }, glyph);
}

// Text with its pictures, as nodes for append().
export const pictured = (text) => text.split(kPattern).map((part, index) => index % 2 === 1 ? picture(part) : part);
// Slack's :names: as the signs they stand for.
export const named = (text) => text.replace(/:([a-z0-9_+-]+):/g, (all, name) => kShort[name] ?? all);
