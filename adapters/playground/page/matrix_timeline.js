// What a Matrix client makes of a room's events: messages with the newest valid edit, threads, reactions, redactions.
// Pure: events in, messages out.

const relation = (event) => event.content?.["m.relates_to"] ?? {};
const gone = (event) => Boolean(event.unsigned?.redacted_because);

// events: in the order of the room. Gives roots, oldest first: {event, content, edited, gone, reactions, replies}, with
// reactions [{key, events}] in the order of their first.
export function timeline(events) {
  const messages = new Map();
  for (const event of events) {
    if (event.type !== "m.room.message" || relation(event).rel_type === "m.replace" || event.state_key !== undefined) continue;
    messages.set(event.event_id, { event, content: event.content ?? {}, edited: false, gone: gone(event), reactions: [], replies: [], edit: null });
  }
  for (const event of events) {
    const { rel_type, event_id, key } = relation(event);
    const target = messages.get(event_id);
    if (!target || gone(event)) continue;
    if (event.type === "m.room.message" && rel_type === "m.replace") edit(target, event);
    if (event.type === "m.reaction" && rel_type === "m.annotation" && typeof key === "string") react(target, key, event);
  }
  const roots = [];
  for (const message of messages.values()) {
    const { rel_type, event_id } = relation(message.event);
    const root = rel_type === "m.thread" ? messages.get(event_id) : undefined;
    (root?.replies ?? roots).push(message);
  }
  return roots;
}

// Valid only from the author of the original; the newest wins, of two at one time the one with the greater id.
function edit(target, event) {
  const fresh = event.content?.["m.new_content"];
  if (target.gone || event.sender !== target.event.sender || typeof fresh !== "object" || fresh === null) return;
  const age = (one) => [one.origin_server_ts ?? 0, one.event_id];
  const older = target.edit && (age(target.edit)[0] > age(event)[0] || (age(target.edit)[0] === age(event)[0] && age(target.edit)[1] > age(event)[1]));
  if (older) return;
  target.edit = event;
  target.edited = true;
  target.content = fresh;
}

function react(target, key, event) {
  let chip = target.reactions.find((one) => one.key === key);
  if (!chip) target.reactions.push(chip = { key, events: [] });
  if (!chip.events.some((one) => one.sender === event.sender)) chip.events.push(event);
}
