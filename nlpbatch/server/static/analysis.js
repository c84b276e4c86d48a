// Shows the outcome of one document.

import { clusters } from "./alignment.js";
import { element } from "./elements.js";

const MAX_TOKENS = 3000; // more would only make the page slow
const PLACED = ["form", "tag", "start", "end"];

// Returns the element that shows an outcome; `text` is null if no text was sent, `meanings` explains the tags.
export function outcomeView(outcome, text, meanings) {
  if (outcome.error) return documentError(outcome.error);
  if (outcome.result) return resultView(outcome.result);
  if (outcome.candidates) return candidatesView(outcome.candidates, text, meanings);
  if (outcome.tokens) return analysisView(outcome.tokens, outcome.sentences, text, meanings);
  if (outcome.sentences) return sentencesView(outcome.sentences, text, meanings);
  if (text === null) return element("p", { class: "spaced", lang: "ko" }, outcome.text ?? "");
  return spacingView(text, outcome.text ?? "");
}

// A dictionary as a table of its members, a list of them as one with a row for each.
function resultView(result) {
  const rows = Array.isArray(result) ? result : [result];
  if (!rows.length) return element("p", { class: "hint" }, "An empty list.");
  const shown = rows.slice(0, MAX_TOKENS);
  const names = Object.keys(shown[0]);
  const head = element("tr", {}, names.map((name) => element("th", { scope: "col" }, name)));
  const body = shown.map((row) => element("tr", {}, names.map((name) => element("td", {}, valueView(row[name])))));
  const left = rows.length - shown.length;
  return element(
    "div",
    { class: "result-table" },
    element("table", {}, element("thead", {}, head), element("tbody", {}, body)),
    left ? element("p", { class: "hint" }, `${left} more rows are not shown.`) : null,
  );
}

function valueView(value) {
  if (value === null) return element("span", { class: "hint" }, "none");
  if (Array.isArray(value)) return element("ul", {}, value.map((one) => element("li", {}, valueView(one))));
  if (typeof value === "object") return resultView(value);
  return String(value);
}

function documentError(error) {
  const code = element("strong", {}, error.code);
  return element("p", { class: "error", role: "alert" }, code, `: ${error.message}`);
}

function candidatesView(candidates, text, meanings) {
  const views = candidates.map((one, index) => [
    element("h3", {}, `Candidate ${index + 1}, score ${one.score.toFixed(2)}`),
    tokensView(one.tokens, text, meanings),
  ]);
  return element("div", {}, views);
}

function analysisView(tokens, sentences, text, meanings) {
  if (!sentences) return tokensView(tokens, text, meanings);
  const views = sentences.map((one, index) => {
    const own = tokens.filter((token) => token.start >= one.start && token.end <= one.end);
    const heading = element("h3", {}, `Sentence ${index + 1} `, place(one));
    return [heading, tokensView(own, text, meanings, one)];
  });
  return views.length ? element("div", {}, views) : tokensView(tokens, text, meanings);
}

function tokensView(tokens, text, meanings, range = null) {
  if (!tokens.length) return element("p", { class: "hint" }, "No tokens.");
  const whole = Array.from(text);
  const offset = range ? range.start : 0;
  const shown = tokens.slice(0, MAX_TOKENS);
  const end = shown.length < tokens.length ? shown.at(-1).end : range ? range.end : whole.length;
  const moved = shown.map((token) => ({ start: token.start - offset, end: token.end - offset, token }));
  const words = wordsOf(clusters(whole.slice(offset, end), moved));
  const views = words.map((word) => element("div", { class: "word" }, word.map((one) => clusterView(one, meanings))));
  const list = element("div", { class: "tokens", lang: "ko" }, views);
  const left = tokens.length - shown.length;
  return element("div", {}, list, left ? element("p", { class: "hint" }, `${left} more tokens are not shown.`) : null);
}

function wordsOf(found) {
  const words = [[]];
  for (const one of found) {
    if (one.blank) words.push([]);
    else words.at(-1).push(one);
  }
  return words.filter((word) => word.length);
}

function clusterView(cluster, meanings) {
  const texts = cluster.segments.map((segment, index) =>
    placed(element("span", { class: "segment" }, segment.text), 1, index, index),
  );
  const tokens = cluster.lanes.flatMap((lane, row) =>
    lane.map((one) => placed(tokenView(one.token.token, meanings), row + 2, one.first, one.last)),
  );
  return element("div", { class: "cluster" }, texts, tokens);
}

function placed(view, row, first, last) {
  view.style.gridRow = String(row);
  view.style.gridColumn = `${first + 1} / ${last + 2}`;
  return view;
}

// Returns the meaning of a tag; MeCab-ko joins several by +, and the first decides about the colour.
function meaningOf(tag, meanings) {
  const found = tag.split("+").map((one) => meanings[one] ?? { class: "other", korean: "", english: one });
  const joined = (name) => found.map((one) => one[name]).join(" + ");
  return { class: found[0].class, korean: joined("korean"), english: joined("english") };
}

function tokenView(token, meanings) {
  const meaning = meaningOf(token.tag, meanings);
  const extras = Object.entries(token).filter(([name]) => !PLACED.includes(name));
  const attributes = {
    class: `token ${meaning.class}`,
    "data-start": token.start,
    "data-end": token.end,
    title: `${token.form}/${token.tag}, code points ${token.start} to ${token.end}`,
  };
  return element(
    "div",
    attributes,
    element("span", { class: "form" }, token.form),
    element("span", { class: "tag" }, token.tag),
    element("span", { class: "korean" }, meaning.korean),
    element("span", { class: "english", lang: "en" }, meaning.english),
    extras.map(([name, value]) => element("span", { class: "extra", lang: "en" }, `${name}: ${written(value)}`)),
  );
}

function written(value) {
  return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(3) : String(value);
}

function sentencesView(sentences, text, meanings) {
  if (!sentences.length) return element("p", { class: "hint" }, "No sentences.");
  const items = sentences.map((one) => {
    const tokens = one.tokens ? tokensView(one.tokens, text, meanings, one) : null;
    return element("li", {}, element("span", { lang: "ko" }, one.text), " ", place(one), tokens);
  });
  return element("ol", { class: "sentences" }, items);
}

function place(span) {
  return element("span", { class: "place" }, `${span.start} to ${span.end}`);
}

function spacingView(before, after) {
  const marked = spacingMarks(Array.from(before), Array.from(after));
  return element(
    "div",
    {},
    element("p", { class: "spaced", lang: "ko" }, after),
    element("p", { class: "changes", lang: "ko", "aria-label": "What was changed" }, marked),
    element("p", { class: "hint" }, element("ins", {}, "␣"), " put in, ", element("del", {}, "␣"), " taken out"),
  );
}

// Returns the corrected text with the blanks that were put in or taken out.
function spacingMarks(before, after) {
  const marks = [];
  let at = 0;
  for (const character of after) {
    while (at < before.length && isBlank(before[at]) && !isBlank(character)) {
      marks.push(element("del", {}, "␣"));
      at += 1;
    }
    const kept = at < before.length && isBlank(before[at]) === isBlank(character);
    marks.push(kept ? character : element("ins", {}, "␣"));
    if (kept) at += 1;
  }
  return marks;
}

function isBlank(character) {
  return /\s/u.test(character);
}
