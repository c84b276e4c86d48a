// Limits that might be others: what would change, and how the last ten minutes' load would fare.

import { element } from "./elements.js";
import { bytes, number, perSecond, percent, seconds } from "./format.js";
import { button, small, table } from "./tables.js";

const edits = document.querySelector("#edits");
const answer = document.querySelector("#answer");
const tries = document.querySelector("#try");
let limits = [];
let count = 0;

function chooser(id) {
  const groups = new Map();
  limits.forEach((limit, index) => {
    const group = limit.name.split(".").slice(0, -1).join(".");
    if (!groups.has(group)) groups.set(group, element("optgroup", { label: group }));
    groups.get(group).append(element("option", { value: index }, limit.name));
  });
  return element("select", { id }, [...groups.values()]);
}

function add() {
  const id = `edit-${count++}`;
  const select = chooser(id);
  const value = element("input", { id: `${id}-value`, inputmode: "decimal", size: 14 });
  const show = () => {
    const present = limits[select.value].value;
    value.placeholder = present === null ? "no limit" : number(present, 3);
  };
  select.addEventListener("change", show);
  show();
  const row = element("div", { class: "edit" }, element("label", { for: id }, "limit", select), element("label", { for: `${id}-value` }, "instead", value));
  row.append(button("remove", `remove ${id}`, () => row.remove()));
  edits.append(row);
  select.focus();
}

function wanted() {
  return [...edits.children].map((row) => {
    const typed = row.querySelector("input").value.trim().replace(/[,_ ]/g, "");
    return { path: limits[row.querySelector("select").value].path, value: typed === "" ? null : Number(typed), typed };
  });
}

async function ask() {
  const given = wanted();
  const odd = given.find((one) => Number.isNaN(one.value));
  if (!given.length || odd) return answer.replaceChildren(element("p", { class: "bad" }, odd ? `${odd.typed} is no number: leave it empty for the default` : "add a limit first"));
  tries.disabled = true;
  answer.replaceChildren(element("p", { class: "hint" }, "playing the last ten minutes twice, in a process of its own …"));
  try {
    const body = JSON.stringify({ edits: given.map(({ path, value }) => ({ path, value })) });
    const got = await fetch("dashboard/what-if", { method: "POST", body, headers: { "Content-Type": "application/json" } });
    const said = await got.json();
    answer.replaceChildren(...(got.ok ? show(said) : [element("p", { class: "bad" }, said.detail)]));
  } catch {
    answer.replaceChildren(element("p", { class: "bad" }, "the proxy doesn't answer"));
  } finally {
    tries.disabled = false;
  }
}

const MARKS = { gains: "▲ gains", loses: "▼ loses", changes: "● changes", "needs a restart": "■ needs a restart" };

function show(said) {
  const rows = said.changes.map((one) => [one.who, one.what, one.before, one.after, MARKS[one.effect]]);
  const parts = [
    element("h3", {}, "What would change"),
    table("what would change", [["who", "name"], ["what", "name"], ["now", "name"], ["then", "name"], ["effect", "name"]], rows, "nothing"),
    ...said.warnings.map((one) => element("p", { class: "warm" }, `▲ ${one}`)),
  ];
  parts.push(element("h3", {}, "The last minutes' load, played"), ...(said.simulation ? played(said.simulation) : [element("p", { class: "none" }, said.why_not)]));
  const copied = element("span", { role: "status" });
  const copy = button("copy", "copy", async () => { await navigator.clipboard.writeText(said.toml); copied.textContent = " copied"; });
  parts.push(element("h3", {}, "To make it so"), element("pre", {}, said.toml), element("p", {}, copy, copied), element("p", { class: "hint" }, said.how));
  return parts;
}

const pair = (before, after, form) => [form(after), small(`now ${form(before)}`)];

function played({ model, measured, before, after }) {
  const names = [...new Set([...Object.keys(before.tenants), ...Object.keys(after.tenants)])].sort();
  const rows = names.map((name) => {
    const [was, then, seen] = [before.tenants[name] || {}, after.tenants[name] || {}, measured[name] || {}];
    return [
      [name.replace("/", ", "), small(`measured ${perSecond(seen.bytes_per_s)}, wait ${seconds(seen.wait_mean_s)}`)],
      pair(was.bytes_per_s, then.bytes_per_s, perSecond), pair(was.requests_per_s, then.requests_per_s, (value) => number(value, 1)),
      pair(was.wait_p50_s, then.wait_p50_s, seconds), pair(was.wait_p99_s, then.wait_p99_s, seconds), pair(was.refused, then.refused, number),
    ];
  });
  const heads = [["who", "name"], ["answered", "number"], ["requests/s", "number wide"], ["wait p50", "number wide"], ["wait p99", "number"], ["refused", "number"]];
  const hint = `${seconds(model.seconds)} of load: ${number(model.jobs)} jobs that send the next request when the last is answered, and calls at their rate. ` +
    `${number(model.workers)} workers, taken to need ${seconds(model.base_s)} and a second for each ${bytes(model.bytes_per_s)}; ` +
    `they were busy ${percent(model.busy)} of the time, played now ${percent(before.utilisation)}, then ${percent(after.utilisation)}. Budgets begin unused.`;
  return [table("played load", heads, rows, "nothing was sent"), element("p", { class: "hint" }, hint)];
}

export async function start() {
  document.querySelector("#add").addEventListener("click", add);
  tries.addEventListener("click", ask);
  limits = (await (await fetch("dashboard/limits", { cache: "no-store" })).json()).limits;
}
