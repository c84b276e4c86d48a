"use strict";
// A trial on the sample: started from here, run by the service as the command would, followed until it ends.
const FOLLOW_MS = 700;
let trial = null;        // what the service said last
let tried = null;        // the text that it is of, if this page started it
let results = new Map(); // what stages made, as far as somebody asked
let refusal = "";

const isRunning = () => trial !== null && ["running", "stopping"].includes(trial.state);
const trialState = stage => trial === null ? null : trial.stages[stage] || null;
const trialFaults = () => trial !== null && tried === draft.text ? trial.faults : [];

async function findTrial(name) {
  trial = tried = null;
  refusal = "";
  results = new Map();
  await followTrial(name);
}

async function followTrial(name) {
  try {
    const said = await ask(`trial.json?${new URLSearchParams({name})}`);
    if (name !== draft.name) return;
    trial = said;
  } catch (error) { refusal = error.message; }
  showDraft();
  if (isRunning() && name === draft.name) setTimeout(followTrial, FOLLOW_MS, name);
}

async function startTrial() {
  refusal = await settle();
  const {name, text, given} = draft;
  try {
    if (refusal) throw new Error(refusal);
    const said = await ask("trial", {name, text, variables: given, overwrite: document.querySelector("#overwrite").checked});
    if (name !== draft.name) return;  // another recipe was opened meanwhile
    trial = said;
    tried = text;
    results = new Map();
    setTimeout(followTrial, FOLLOW_MS, name);
  } catch (error) {
    if (name !== draft.name) return;
    refusal = error.message;
  }
  showDraft();
}

async function stopTrial() {
  const {name} = draft;
  trial.state = "stopping";
  showDraft();
  try {
    const said = await ask("stop", {name});
    if (name === draft.name) trial = said;
  } catch (error) { if (name === draft.name) refusal = error.message; }
  showDraft();
}

async function showResult(stage) {
  const of = results;  // of this trial: the next one has results of its own
  try { of.set(stage, await ask(`result.json?${new URLSearchParams({name: draft.name, stage})}`)); }
  catch (error) { of.set(stage, {detail: error.message}); }
  showDraft();
}

function drawTrial() {
  const overwrite = make("input", {type: "checkbox", id: "overwrite"});
  return [
    make("h2", {}, "Try it on the sample"),
    make("p", {class: "soft"}, "Runs the recipe as it stands here, written or not, with --on sample: a query is dumped whole first. Results go to [sink] path."),
    make("div", {id: "variables", class: "controls"}), make("div", {id: "variable-faults", class: "faults"}),
    make("p", {}, make("label", {}, overwrite, " replace what earlier runs made (--overwrite), such as the dump of another query")),
    make("p", {}, make("button", {type: "button", id: "try", onclick: startTrial}, "Try on the sample"), " ",
      make("button", {type: "button", id: "stop", onclick: stopTrial}, "Stop")),
    make("p", {class: "why", id: "refusal", role: "alert"}), make("div", {id: "trial"}),
    make("pre", {id: "log", tabIndex: 0, "aria-label": "what the trial says"}), make("div", {id: "made"}),
  ];
}

function fillTrial(look) {
  fillVariables(look);
  showFaults(document.querySelector("#variable-faults"), faultsAt("--set"), look || {});
  document.querySelector("#try").disabled = isRunning();
  document.querySelector("#stop").disabled = trial?.state !== "running";
  const refused = document.querySelector("#refusal");
  refused.hidden = !refusal;
  if (refused.textContent !== refusal) refused.textContent = refusal;
  const log = document.querySelector("#log");
  log.hidden = !trial?.lines.length;
  const lines = (trial?.lines || []).join("\n");
  if (log.textContent !== lines) {
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    log.textContent = lines;
    if (atEnd) log.scrollTop = log.scrollHeight;
  }
  keep(document.querySelector("#trial"), JSON.stringify([trial && [trial.state, Math.floor(trial.seconds), trial.faults, trial.warnings], tried === draft.text]), drawOutcome);
  keep(document.querySelector("#made"), JSON.stringify([trial?.stages, trial?.state, [...results]]), drawMade);
}

function fillVariables(look) {
  const names = look?.variables || [];
  keep(document.querySelector("#variables"), JSON.stringify(names), () => names.map(name => {
    const input = make("input", {type: "text", value: draft.given[name] || "", placeholder: name === "ds" ? "2026-11-30, today or yesterday" : "",
      oninput: () => { draft.given = {...draft.given, [name]: input.value}; later(TYPING_MS); }});
    return make("label", {}, `--set ${name}`, input);
  }));
}

function drawOutcome() {
  if (trial === null) return [];
  const marks = {running: "running", stopping: "running", done: "done", failed: "failed", stopped: "stopped"};
  const since = tried !== null && tried !== draft.text ? " (the recipe has changed since)" : "";
  const word = make("span", {}, state(marks[trial.state]), trial.state === "stopping" ? " until it has ended" : "", `, ${duration(Math.floor(trial.seconds))}${since}`);
  return [make("p", {role: "status"}, word), ...trial.faults.map(fault => make("p", {class: "why"}, fault.text)),
    ...trial.warnings.map(warning => make("p", {class: "why"}, `warning: ${warning}`))];
}

function drawMade() {
  if (trial === null || !Object.keys(trial.stages).length) return [];
  return Object.entries(trial.stages).map(([stage, now]) => make("div", {class: "made"},
    make("h3", {}, stage, " ", state(now)), drawFigures(trial.results[stage] || {}),
    now === "done" || (now === "failed" && stage.startsWith("expect")) ? make("button", {type: "button", "data-key": `result ${stage}`, onclick: () => showResult(stage)}, `Show what ${stage} made`) : null,
    drawResult(stage, results.get(stage))));
}

function drawFigures(figures) {
  const shown = Object.entries(figures).filter(([name, value]) => name !== "is" && ["string", "number"].includes(typeof value));
  return make("small", {}, shown.map(([name, value]) => `${name} ${typeof value === "number" ? number(value, 3) : value}`).join(", "));
}

function drawResult(stage, result) {
  if (result === undefined) return null;
  if (result.detail) return make("p", {class: "why"}, result.detail);
  if (result.reports) return make("ul", {}, ...result.reports.map(column => make("li", {}, make("a", {target: "_blank", rel: "noopener",
    href: `recipes/report?${new URLSearchParams({name: draft.name, column})}`}, `report on ${column} (a page of its own)`))));
  return table(`first rows of ${stage}`, result.columns.map(name => [name, "name"]), result.rows.map(row => row.map(cell)));
}
