// Places tokens under their text. Positions are code points, as the service counts them; nothing here draws.

// Splits a text into clusters that no token crosses: {start, end, segments, lanes}, or {blank} between words.
// segments: pieces of text between token borders, in order; one that is empty holds a token of no length.
// lanes: rows of tokens that don't overlap, each with the first and last segment that it covers.
export function clusters(characters, tokens) {
  const ordered = [...tokens].sort((a, b) => a.start - b.start || a.end - b.end);
  const found = [];
  let position = 0;
  for (const group of overlapping(ordered)) {
    found.push(...uncovered(characters, position, group.start));
    found.push(cluster(characters, group));
    position = group.end;
  }
  found.push(...uncovered(characters, position, characters.length));
  return found;
}

function overlapping(ordered) {
  const groups = [];
  for (const token of ordered) {
    const last = groups.at(-1);
    const joins = last && (token.start < last.end || (token.start === token.end && token.start === last.end));
    if (joins) {
      last.tokens.push(token);
      last.end = Math.max(last.end, token.end);
    } else {
      groups.push({ start: token.start, end: token.end, tokens: [token] });
    }
  }
  return groups;
}

// Text without a token: blanks, or what a filter left out.
function uncovered(characters, start, end) {
  if (end <= start) return [];
  const pieces = characters.slice(start, end).join("").match(/\s+|\S+/gu) ?? [];
  return pieces.map((text) => (text.trim() ? { start, text, segments: [{ text }], lanes: [] } : { blank: text }));
}

function cluster(characters, group) {
  const segments = segmentsOf(characters, group);
  const lanes = [];
  for (const token of group.tokens) {
    const placed = { token, ...span(segments, token) };
    const free = lanes.find((lane) => lane.at(-1).last < placed.first);
    if (free) free.push(placed);
    else lanes.push([placed]);
  }
  return { start: group.start, end: group.end, segments, lanes };
}

function segmentsOf(characters, group) {
  const borders = new Set(group.tokens.flatMap((token) => [token.start, token.end]));
  const empty = new Set(group.tokens.filter((token) => token.start === token.end).map((token) => token.start));
  const ordered = [...borders].sort((a, b) => a - b);
  return ordered.flatMap((start, index) => {
    const end = ordered[index + 1];
    const none = empty.has(start) ? [{ start, end: start, text: "" }] : [];
    return end === undefined ? none : [...none, { start, end, text: characters.slice(start, end).join("") }];
  });
}

function span(segments, token) {
  if (token.start === token.end) {
    const at = segments.findIndex((one) => one.start === token.start && one.end === token.start);
    return { first: at, last: at };
  }
  const covered = segments
    .map((one, index) => ({ ...one, index }))
    .filter((one) => one.start >= token.start && one.end <= token.end && one.start < one.end);
  return { first: covered[0].index, last: covered.at(-1).index };
}
