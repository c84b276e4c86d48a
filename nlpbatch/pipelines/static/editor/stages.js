"use strict";
// The stages as a graph: each box is a button that opens the options of its section.
function drawStages(look) {
  const levels = new Map();
  const depth = stage => 1 + Math.max(0, ...stage.needs.map(need => levels.get(need) || 0));
  for (const stage of look.stages) levels.set(stage.name, stage.name === "sink" ? 1 + Math.max(...levels.values()) : depth(stage));
  const depths = [...new Set(levels.values())].sort((one, other) => one - other);
  const column = level => make("ul", {}, ...look.stages.filter(stage => levels.get(stage.name) === level).map(drawBox));
  return make("div", {class: "graph", role: "group", "aria-label": "stages, each column after the one before it"}, ...depths.map(column));
}

function drawBox(stage) {
  const faults = faultsAt(stage.section).length;
  const chosen = stage.section === draft.chosen;
  const tried = trialState(stage.name);
  const lines = [
    stage.name === stage.section ? null : `of [${stage.section}]`,
    stage.needs.length ? `after ${stage.needs.join(", ")}` : null,
    stage.missing ? `needs ${stage.missing}, which isn't there` : null,
    faults ? `${faults} ${faults === 1 ? "fault" : "faults"}` : null,
  ].filter(line => line !== null);
  const bad = faults || stage.missing;
  const box = make("button", {type: "button", class: "box", "data-key": `stage ${stage.name}`, "aria-pressed": String(chosen),
    onclick: () => choose(stage.section)},
    make("strong", {}, bad ? `✗ ${stage.name}` : stage.name), " ", tried === null ? null : state(tried),
    ...lines.map(line => make("small", {}, line)));
  return make("li", {class: [bad ? "failed" : "", chosen ? "chosen" : ""].join(" ")}, box);
}

function drawPalette(look, sections) {
  const absent = sections.filter(section => !(section.name in look.sections) && !["source", "sink"].includes(section.name));
  if (!absent.length) return make("p", {class: "soft"}, "Every stage is there.");
  return make("div", {class: "palette"}, make("h3", {}, "Add a stage"), make("ul", {}, ...absent.map(section => make("li", {},
    make("button", {type: "button", "data-key": `add ${section.name}`, onclick: () => addSection(section.name)}, `+ ${section.name}`),
    make("small", {}, section.help)))));
}

// Opens the form of a section, and takes those along who walk by keyboard.
function choose(section) {
  draft.chosen = section;
  draft.moves = true;
  showDraft();
}

function addSection(section) {
  edit(section, null, "", 0);
  choose(section);
}
