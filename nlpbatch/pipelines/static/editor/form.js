"use strict";
// The options of one section, as the service describes them: which field each has, what it means, and what it is if left out.
// A field that somebody is typing into is left alone; all else follows the draft's text.
const SIZES = {"long text": 6, names: 2};

function drawForm(section, look) {
  const values = look.sections[section.name] || {};
  const known = new Set(section.options.map(option => option.name));
  const odd = Object.keys(values).filter(key => !known.has(key));
  const removable = !["source", "sink"].includes(section.name);
  return [
    make("h3", {tabIndex: -1}, `[${section.name}]`), make("p", {class: "soft"}, section.help),
    make("div", {class: "faults", "data-faults": place(section.name, null)}),
    ...section.options.map(option => drawField(section.name, option)),
    ...odd.map(key => drawOdd(section.name, key)),
    section.name === "source" ? make("button", {type: "button", id: "look", onclick: lookAtSource}, "Look at the files") : null,
    section.name === "source" ? make("div", {id: "seen", class: "whole"}) : null,
    removable ? make("button", {type: "button", "data-key": `remove ${section.name}`, onclick: () => removeSection(section.name)},
      `Remove ${section.name}`) : null,
  ];
}

function removeSection(section) {
  edit(section, null, null, 0);
  choose("source");
}

function drawField(section, option) {
  const id = `${section}.${option.name}`;
  const wanted = ["number", "table", "names"].includes(option.field) ? ` (${option.wanted})` : "";
  const lines = option.field === "names" ? " One a line." : "";
  const control = drawControl(option);
  Object.assign(control, {id, spellcheck: false, autocomplete: "off",
    oninput: () => edit(section, option.name, control.value === "" ? null : control.value)});
  control.dataset.place = place(section, option.name);
  control.setAttribute("aria-describedby", `${id}.help ${id}.faults`);
  return make("div", {class: "field"}, make("label", {htmlFor: id}, option.name), control,
    make("small", {id: `${id}.help`}, `${option.help}${wanted}${lines}`),
    make("div", {class: "faults", id: `${id}.faults`, "data-faults": place(section, option.name)}));
}

function drawControl(option) {
  const choices = option.field === "flag" ? ["true", "false"] : option.choices;
  if (choices.length) {
    const left = option.default === "" ? "(left out)" : `(left out: ${option.default})`;
    return make("select", {}, make("option", {value: ""}, left), ...choices.map(one => make("option", {value: one}, one)));
  }
  if (option.field in SIZES) return make("textarea", {rows: SIZES[option.field], placeholder: option.default});
  return make("input", {type: "text", placeholder: option.default, inputMode: option.field === "number" ? "decimal" : "text"});
}

function drawOdd(section, key) {
  return make("div", {class: "field"}, make("strong", {}, key), make("code", {"data-shown": place(section, key)}),
    make("div", {class: "faults", "data-faults": place(section, key)}),
    make("button", {type: "button", "data-key": `take out ${key}`, onclick: () => edit(section, key, null, 0)}, `Take out ${key}`));
}

function fillForm(form, look) {
  for (const control of form.querySelectorAll("[data-place]")) {
    const [section, key] = JSON.parse(control.dataset.place);
    const typed = waiting.get(control.dataset.place) || stuck.get(control.dataset.place);
    const value = typed ? typed.typed ?? "" : look.sections[section]?.[key] ?? "";
    if (control.tagName === "SELECT" && value && ![...control.options].some(one => one.value === value))
      control.append(make("option", {value}, value));  // it is in the file, and wrong
    if (control !== document.activeElement && control.value !== value) control.value = value;
    control.setAttribute("aria-invalid", String(faultsAt(section, key).length > 0));
  }
  for (const shown of form.querySelectorAll("[data-shown]")) {
    const [section, key] = JSON.parse(shown.dataset.shown);
    shown.textContent = look.sections[section]?.[key] ?? "";
  }
  const seen = form.querySelector("#seen");
  if (seen) keep(seen, JSON.stringify(draft.seen || null), drawSeen);
  for (const list of form.querySelectorAll("[data-faults]")) {
    const [section, key] = JSON.parse(list.dataset.faults);
    showFaults(list, faultsAt(section, key), look);
  }
}

// Some rows of the files; columns of Parquet are checked from then on.
async function lookAtSource() {
  await settle();
  const {name, text, given} = draft;
  let seen;
  try { seen = await ask("source", {text, variables: given}); } catch (error) { seen = {detail: error.message}; }
  if (name !== draft.name) return;  // another recipe was opened meanwhile
  draft.seen = seen;
  showDraft();
  later(0);
}

function drawSeen() {
  if (!draft.seen) return [];
  if (draft.seen.detail) return [make("p", {class: "why", role: "status"}, draft.seen.detail)];
  return [table("some rows of the files", draft.seen.columns.map(name => [name, "name"]), draft.seen.rows.map(row => row.map(cell)))];
}

function showFaults(list, faults, look) {
  const texts = JSON.stringify(faults.map(fault => fault.text));
  if (list.dataset.now === texts) return;  // read aloud once, and a button in it keeps the focus
  list.dataset.now = texts;
  list.replaceChildren(...faults.map(fault => {
    const added = /add \[(\w+)\]/.exec(fault.text)?.[1];
    const remedy = added && look.sections && !(added in look.sections) ?
      make("button", {type: "button", onclick: () => addSection(added)}, `Add ${added}`) : null;
    return make("p", {class: "fault", role: "status"}, `✗ ${fault.text} `, remedy);
  }));
}
