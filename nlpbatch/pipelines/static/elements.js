"use strict";
// Everything that comes from records and files is set as text: a name with markup in it is shown as it is.
const MARKS = {running: "▶", done: "✓", failed: "✗", lost: "✗", unreadable: "✗", stopped: "■", stale: "↻", "to do": "○"};

function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("data-") || key.startsWith("aria-") || key === "scope") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}
const number = (value, digits = 0) => value === null || value === undefined ? "–" :
  Number(value).toLocaleString("en", {maximumFractionDigits: digits});
function bytes(value) {
  if (value === null || value === undefined) return "–";
  for (const [size, unit] of [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]])
    if (value >= size) return `${number(value / size, 1)} ${unit}`;
  return `${number(value)} B`;
}
function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  if (seconds < 90) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${number(seconds / 60)} min`;
  return `${number(seconds / 3600, 1)} h`;
}
const moment = text => text ? new Date(text).toLocaleString("sv").slice(0, 16) : "–";
const state = name => make("span", {class: `state ${name.replace("to do", "idle")}`, "data-mark": MARKS[name] || "?"}, name);

// What the address has after "#/": the path or the name that is shown; null for none, and where that is cut in a character.
function fromHash() {
  try { return location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2)) : null; } catch { return null; }
}

function table(label, heads, rows) {
  const head = make("tr", {}, ...heads.map(([text, kind]) => make("th", {class: kind, scope: "col"}, text)));
  const body = rows.map(cells => make("tr", {}, ...cells.map((cell, at) => make("td", {class: heads[at][1]}, ...[cell].flat()))));
  return make("div", {class: "table"}, make("table", {"aria-label": label}, make("thead", {}, head), make("tbody", {}, ...body)));
}

function cell(value) {
  if (value !== null && typeof value === "object")
    return value.tokens.map(([form, tag]) => make("span", {class: "token"}, form, make("small", {}, tag)));
  return value === null ? make("em", {}, "null") : String(value);
}
