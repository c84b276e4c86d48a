"use strict";
// The page of all runs; elements.js is before it.
const LIVE_MS = 2000;
const main = document.querySelector("main");
let found = JSON.parse(document.querySelector("#found").textContent);
const live = document.documentElement.dataset.live === "true";

const took = run => run.started_at ? Math.max(0, Date.parse(run.ended_at || found.at) - Date.parse(run.started_at)) / 1000 : null;
const sum = errors => Object.values(errors || {}).reduce((all, one) => all + one, 0);
const address = run => `#/${encodeURIComponent(run.path)}`;

function list() {
  const word = (document.querySelector("#word")?.value || "").toLowerCase();
  const wanted = document.querySelector("#state")?.value || "";
  const runs = found.runs.filter(run => (!wanted || run.state === wanted) && `${run.path} ${run.name}`.toLowerCase().includes(word));
  const rows = runs.map(run => {
    const job = run.job || {};
    const counts = job.counts || {};
    const left = run.state === "running" && job.left_s ? `${duration(job.left_s)} left` : "";
    return [
      state(run.state),
      [make("a", {href: address(run), "data-key": run.path || "."}, run.path || run.name || found.url), make("small", {}, run.why || left)],
      run.kind, number(counts.rows), number(job.rows_per_s), bytes(job.analysed_bytes), number(sum(job.errors)),
      moment(run.started_at || run.ended_at), duration(took(run)),
    ];
  });
  const heads = [["state", ""], ["run", "name"], ["kind", "wide"], ["rows", "number"], ["rows/s", "number wide"], ["analysed", "number wide"],
    ["errors", "number"], ["started", "wide moment"], ["took", "number wide"]];
  return [make("p", {"aria-live": "polite"}, `${number(runs.length)} of ${number(found.runs.length)} runs`), table("runs", heads, rows)];
}

function figures(pairs, kind = "") {
  return make("dl", {class: kind}, ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function plain(result, within = "") {
  // What a stage reports, with members of members; "is" only tells results apart.
  return Object.entries(result).filter(([name]) => name !== "is").flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? plain(value, `${within}${name} `) :
      ["string", "number"].includes(typeof value) ? [[within + name, value]] : []);
}

function graph(stages) {
  const levels = new Map();
  for (const stage of stages) levels.set(stage.name, 1 + Math.max(0, ...stage.needs.map(need => levels.get(need) || 0)));
  const depths = [...new Set(levels.values())].sort((one, other) => one - other);
  const column = depth => make("ul", {}, ...stages.filter(stage => levels.get(stage.name) === depth).map(box));
  return make("div", {class: "graph", tabIndex: 0, "data-key": "graph", "aria-label": "stages, each column after the one before it"}, ...depths.map(column));
}

function box(stage) {
  const needs = stage.needs.length ? `after ${stage.needs.join(", ")}` : "";
  return make("li", {class: stage.state.replace("to do", "idle")}, make("strong", {}, stage.name), " ", state(stage.state),
    make("small", {}, needs), stage.why ? make("small", {}, stage.why) : null,
    stage.seconds === null ? null : make("small", {}, `${duration(stage.seconds)}, ${moment(stage.ended_at)}`),
    ...plain(stage.result || {}).map(([name, value]) => make("small", {}, `${name}: ${typeof value === "number" ? number(value, 3) : value}`)));
}

const shown = new Map();  // previews that somebody asked for, by run and stage

function preview(run, stage) {
  if (!live) return null;
  const key = JSON.stringify([run.path, stage]);
  const place = make("div", {});
  const ask = async () => {
    const query = new URLSearchParams(stage === null ? {path: run.path} : {path: run.path, stage});
    try {
      const answer = await fetch(`preview.json?${query}`, {cache: "no-store"});
      const said = await answer.json();
      shown.set(key, answer.ok ? table(`first rows of ${stage || run.path}`, said.columns.map(name => [name, "name"]), said.rows.map(row => row.map(cell))) :
        make("p", {class: "why"}, said.detail));
    } catch { shown.set(key, make("p", {class: "why"}, "the service doesn't answer")); }
    show();
  };
  if (shown.has(key)) place.append(shown.get(key));
  else place.append(make("button", {type: "button", onclick: ask, "data-key": `rows ${stage}`}, stage === null ? "show ten rows" :
    stage.startsWith("expect") ? `checks of ${stage}` : `ten rows of ${stage}`));
  return place;
}

function history(batches, total) {
  const most = Math.max(...batches.map(one => one.seconds), 0.001);
  const rows = [...batches].reverse().map(one => {
    const bar = make("span", {class: "bar"});
    bar.style.width = `${Math.round(160 * one.seconds / most)}px`;
    return [number(one.number), moment(one.started_at), [bar, ` ${duration(one.seconds)}`], number(one.rows), number(one.dead)];
  });
  const heads = [["batch", "number"], ["started", "wide moment"], ["took", ""], ["rows", "number"], ["failed", "number"]];
  return make("section", {}, make("h2", {}, `Micro-batches (${number(batches.length)} of ${number(total)})`), table("micro-batches", heads, rows));
}

function changed(run, name, worse) {
  // How much more or less than the run before; more is worse of durations and failed rows, and neither of the others.
  const share = run.change[name];
  if (share === undefined) return null;
  const text = `${share > 0 ? "+" : share < 0 ? "−" : "±"}${number(Math.abs(100 * share), Math.abs(share) < 0.1 ? 1 : 0)} %`;
  return make("small", {class: worse && share > 0.2 ? "worse" : ""}, text);
}

function sideBySide(run) {
  const runs = (found.series || {})[run.series] || [];
  if (runs.length < 2) return [];
  const most = Math.max(...runs.map(one => one.seconds || 0), 0.001);
  const stages = [...new Set(runs.flatMap(one => Object.keys(one.stages)))];
  const rows = runs.map(one => {
    const bar = make("span", {class: "bar"});
    bar.style.width = `${Math.round(48 * (one.seconds || 0) / most)}px`;
    const about = [one.on_sample ? "of the sample" : "", one.only.length ? `only ${one.only.join(", ")}` : "", one.why].filter(Boolean).join("; ");
    const codes = Object.entries(one.errors).map(([code, count]) => `${code} ${number(count)}`).join(", ");
    return [
      [one.path === run.path ? make("strong", {}, one.path || run.name) : make("a", {href: address(one), "data-key": `side ${one.path}`}, one.path), make("small", {}, about)],
      state(one.state), moment(one.started_at || one.ended_at),
      [bar, ` ${duration(one.seconds)}`, changed(one, "seconds", true)],
      [number(one.rows), changed(one, "rows")], [number(one.new_rows), changed(one, "new_rows")],
      [bytes(one.text_bytes), changed(one, "text_bytes")], [bytes(one.analysed_bytes), changed(one, "analysed_bytes")],
      [number(one.dead), changed(one, "dead", true), codes ? make("small", {}, codes) : null],
      ...stages.map(stage => one.stages[stage] === undefined ? "–" : duration(one.stages[stage])),
    ];
  });
  const heads = [["run", "name"], ["state", ""], ["started", "moment wide"], ["took", "number"], ["rows", "number"], ["new", "number wide"],
    ["text", "number wide"], ["analysed", "number wide"], ["failed", "number"], ...stages.map(stage => [stage, "number wide"])];
  return [make("section", {}, make("h2", {}, "Side by side"),
    make("p", {}, `The latest ${number(runs.length)} runs of ${run.series || run.name}, each against the one before it.`), table("side by side", heads, rows))];
}

function reports(run) {
  // A report is shown in a frame that can't reach this page, and its own address is the same for a tab.
  const stage = run.stages.find(one => one.name === "profile" && one.result.report);
  if (!live || !stage) return [];
  return stage.result.report.split(", ").map(file => {
    const name = file.slice(file.lastIndexOf("/") + 1);
    const url = `report?${new URLSearchParams({path: run.path, name})}`;
    const key = JSON.stringify([run.path, "report", name]);
    const open = () => {
      shown.set(key, make("iframe", {title: `report of ${name}`, src: url, sandbox: "allow-scripts"}));
      show();
    };
    const place = make("p", {}, make("a", {href: url, target: "_blank", rel: "noopener", "data-key": `report ${name}`}, `report ${name.replace(/\.html$/, "")}`), " ");
    place.append(shown.get(key) || make("button", {type: "button", onclick: open, "data-key": `frame ${name}`}, "show it here"));
    return place;
  });
}

// Expectations have checks to show, whether they hold or not.
const hasRows = stage => stage.name !== "profile" && (stage.state === "done" || (stage.state === "failed" && stage.name.startsWith("expect")));

function detail(run) {
  const job = run.job;
  const parts = [make("a", {class: "back", href: "#", "data-key": "back"}, "← all runs"), make("h2", {}, run.path || run.name || found.url), state(run.state)];
  if (run.holder) parts.push(make("p", {}, `written by ${run.holder}`));
  if (run.why) parts.push(make("p", {class: "why"}, run.why));
  if (run.stages.length) parts.push(make("section", {}, make("h2", {}, "Stages"), graph(run.stages)));
  const stages = run.stages.filter(hasRows).map(stage => stage.name);
  if (live && (stages.length || !run.stages.length))
    parts.push(make("section", {}, make("h2", {}, "What was made"), ...reports(run), ...(run.stages.length ? stages : [null]).map(stage => preview(run, stage))));
  parts.push(...sideBySide(run));
  if (job) {
    const counts = job.counts;
    parts.push(make("section", {}, make("h2", {}, "Analysis"), figures([
      ["rows", number(counts.rows)], ["rows/s", number(job.rows_per_s)], ["done of this start", job.share === null ? "–" : `${number(100 * job.share)} %`],
      ["time left", duration(job.left_s)], ["tokens", number(counts.tokens)], ["text", bytes(counts.text_bytes)],
      ["analysed", bytes(job.analysed_bytes)], ["retries", number(counts.retries)], ["throttled", duration(counts.throttled_s)],
      ["starts", number(job.attempts)], ["files set aside", number(job.set_aside)],
    ]), figures([["input", job.input || "–"], ["analyzer", job.analyzer ? `${job.analyzer}, version ${job.fingerprint}` : "–"]], "long")));
    const errors = Object.entries(job.errors);
    if (errors.length) parts.push(make("section", {}, make("h2", {}, "Rows that failed, by code"),
      table("errors", [["code", "name"], ["rows", "number"]], errors.map(([code, count]) => [code, number(count)]))));
    if (job.batches.length) parts.push(history(job.batches, job.batches_total));
  }
  return parts;
}

function controls() {
  const states = [...new Set(found.runs.map(run => run.state))].sort();
  const word = make("input", {id: "word", type: "search", oninput: show});
  const choice = make("select", {id: "state", onchange: show}, make("option", {value: ""}, "all"), ...states.map(one => make("option", {value: one}, one)));
  return make("div", {class: "controls"}, make("label", {}, "name has", word), make("label", {}, "state", choice));
}

let before = "";  // what was shown: selections, focus and scrolling stay as long as nothing changes

function show() {
  const path = fromHash();
  const focused = document.activeElement?.dataset.key;
  const run = path === null ? null : found.runs.find(one => one.path === path);
  document.querySelector("#at").textContent = `as of ${moment(found.at)}${live ? ", live" : ""}`;
  const word = document.querySelector("#word")?.value || "";
  const side = run ? (found.series || {})[run.series] : null;
  const now = JSON.stringify([path, run || (path === null ? found.runs : []), side, word, document.querySelector("#state")?.value, [...shown.keys()]]);
  if (now === before) return;
  before = now;
  if (run) {
    main.replaceChildren(...detail(run));
    return refocus(focused);
  }
  if (!main.querySelector("#word")) main.replaceChildren(controls(), make("div", {id: "list"}));
  const gone = path === null ? [] : [make("p", {class: "why"}, `${path} isn't there any more`)];
  main.querySelector("#list").replaceChildren(...gone, ...list());
  refocus(focused);
}

function refocus(key) {
  // What has changed is made anew: who walks through it by keyboard stays where they were.
  if (key) [...main.querySelectorAll("[data-key]")].find(one => one.dataset.key === key)?.focus();
}

async function follow() {
  try { await look(); } finally { setTimeout(follow, LIVE_MS); }
}

async function look() {
  const at = document.querySelector("#at");
  const path = fromHash();
  let answer, said;
  try {
    answer = await fetch(path === null ? "runs.json" : `runs.json?${new URLSearchParams({path})}`, {cache: "no-store"});
    said = await answer.text();
  } catch {
    at.textContent = "the service doesn't answer";
    return;
  }
  if (!answer.ok) {
    at.textContent = `not read: ${reason(said).slice(0, 300)}`;
    return;
  }
  found = JSON.parse(said);
  show();
}

function reason(said) {
  try { return JSON.parse(said).detail || said; } catch { return said; }
}

addEventListener("hashchange", () => { show(); if (live) look(); });
show();
document.documentElement.dataset.ready = "true";
if (live) setTimeout(follow, LIVE_MS);
