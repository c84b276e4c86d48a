import { element } from "./elements.js";

// Returns a table; the first cell of each row names it. A row may be {cells, kind}.
export function table(label, heads, rows, none) {
  if (!rows.length) return element("p", { class: "none" }, none);
  const cell = (content, index) =>
    element(index ? "td" : "th", { class: heads[index][1], scope: index ? null : "row" }, [content].flat());
  const row = (given) => {
    const { cells, kind } = Array.isArray(given) ? { cells: given } : given;
    return element("tr", { class: kind }, cells.map(cell));
  };
  const head = element("tr", {}, heads.map(([text, kind]) => element("th", { scope: "col", class: kind }, text)));
  const whole = element("table", { "aria-label": label }, element("thead", {}, head), element("tbody", {}, rows.map(row)));
  return element("div", { class: "table", tabindex: "0", role: "region", "aria-label": label, "data-key": `table ${label}` }, whole);
}

export function button(text, key, act, kind) {
  const made = element("button", { type: "button", class: kind, "data-key": key }, text);
  made.addEventListener("click", act);
  return made;
}

export const small = (...text) => element("small", {}, ...text);

// Returns a bar that says by form, word and colour how full something is.
export function level(part) {
  const kind = part >= 1 ? "bad" : part >= 0.8 ? "warm" : "";
  const fill = element("span");
  fill.style.width = `${Math.min(100, Math.max(0, 100 * part))}%`;
  return element("div", { class: `bar ${kind}`, "aria-hidden": "true" }, fill);
}

export const word = (part) => (part >= 1 ? "■ full" : part >= 0.8 ? "▲ nearly full" : "");

export function figures(pairs) {
  return element("dl", { class: "figures" }, pairs.map(([name, value, more]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value, more ? small(more) : null))));
}
