// The form's options, made from the schema of an operation's request.

import { element } from "./elements.js";

const CARRIED = ["texts", "pretokenized", "morphemes", "chunks", "insert_new_lines"]; // documents, not options
const ALWAYS = ["form", "tag", "start", "end"]; // without them a token has no place on this page

// Returns the fields of a form for the members of a request's schema, those that the chosen analyzer takes.
// about: {analyzers, analyzer, resolve, meanings}, the analyzers to choose from, the chosen one, a function that
// follows references, and the meanings of tags; `onAnalyzer` is called when another analyzer is chosen.
export function optionFields(schema, about, onAnalyzer) {
  const names = Object.keys(schema.properties).filter((name) => !CARRIED.includes(name));
  const taken = names.filter((name) => isTaken(schema.properties[name], about.analyzer));
  return taken.map((name) => optionField(name, schema.properties[name], about, onAnalyzer));
}

// An analyzer that isn't known yet may take everything.
function isTaken(schema, analyzer) {
  return !schema["x-tagset"] || analyzer.tagset === undefined || schema["x-tagset"] === analyzer.tagset;
}

function optionField(name, schema, about, onAnalyzer) {
  const id = `option-${name}`;
  const hint = element("span", { class: "hint", id: `${id}-hint` }, schema.description ?? "");
  const control = controlFor(name, schema, about);
  control.id = id;
  control.name = name;
  control.setAttribute("aria-describedby", `${id}-hint`);
  if (name === "analyzer") control.addEventListener("change", onAnalyzer);
  return element("div", { class: "option" }, element("label", { for: id }, name), control, hint);
}

function controlFor(name, schema, about) {
  const types = [schema.type].flat().filter((one) => one !== "null");
  const [type] = types;
  if (name === "analyzer") return analyzerSelect(about);
  if (name === "operation") return calledSelect(about.analyzer);
  if (type === "boolean") return select(["", "true", "false"], "boolean", leftAlone(schema));
  if (type === "integer" || type === "number") return number(schema, type);
  if (type === "string") return select(["", ...(schema.enum ?? []).filter((one) => one !== null)]);
  const choices = about.resolve(schema.items).enum;
  if (choices) return several(choices.filter((one) => isOffered(name, one, about)));
  const words = types.includes("boolean") && isTaken({ "x-tagset": "kiwi" }, about.analyzer) ? "words-or-true" : "words";
  return element("input", { type: "text", "data-kind": words, placeholder: "방/NNG, …" });
}

// Whether the chosen analyzer has this field, tag or dialect.
function isOffered(name, choice, { analyzer, meanings }) {
  if (name === "fields") return !ALWAYS.includes(choice) && (analyzer.fields?.includes(choice) ?? true);
  if (name === "tags") return hasTagset(meanings, analyzer.tagset) ? meanings[choice].tagsets.includes(analyzer.tagset) : true;
  if (name === "allowed_dialects" && analyzer.options) {
    return choice === "standard" || (analyzer.options.enabled_dialects ?? []).includes(choice);
  }
  return true;
}

// An engine of an installed package may have tags of its own, which the service doesn't check.
function hasTagset(meanings, tagset) {
  return Object.values(meanings).some((one) => one.tagsets.includes(tagset));
}

function analyzerSelect({ analyzers, analyzer }) {
  const control = select(analyzers.map((one) => one.name));
  control.value = analyzer.name;
  return control;
}

function calledSelect(analyzer) {
  const own = analyzer.operations.filter((one) => one.result);
  const options = own.map((one) => element("option", { value: one.name, title: one.meaning }, one.name));
  return element("select", { "data-kind": "string" }, options);
}

function leftAlone(schema) {
  return schema.default === undefined ? "as the analyzer has it" : `${schema.default} (default)`;
}

function select(choices, kind = "string", blank = "as the analyzer has it") {
  const options = choices.map((one) => element("option", { value: one }, one || blank));
  return element("select", { "data-kind": kind }, options);
}

function number(schema, type) {
  const bounds = { min: schema.minimum, max: schema.maximum, value: schema.default };
  return element("input", { type: "number", step: type === "integer" ? 1 : "any", "data-kind": "number", ...bounds });
}

function several(choices) {
  const options = choices.map((one) => element("option", { value: one }, one));
  return element("select", { multiple: true, size: 4, "data-kind": "several" }, options);
}

// Returns what is in the form, for `putBack` after its fields were made again.
export function keptValues(container) {
  const controls = [...container.querySelectorAll("[data-kind]")];
  const chosen = (control) => (control.multiple ? [...control.selectedOptions].map((one) => one.value) : control.value);
  return Object.fromEntries(controls.map((control) => [control.name, chosen(control)]));
}

// Puts values back, as far as there are such fields and choices.
export function putBack(container, values) {
  for (const control of container.querySelectorAll("[data-kind]")) {
    const value = values[control.name];
    if (value === undefined || control.name === "analyzer") continue;
    if (control.multiple) for (const one of control.options) one.selected = value.includes(one.value);
    else if (!control.options || [...control.options].some((one) => one.value === value)) control.value = value;
  }
}

// Returns the members that the form sets; untouched fields are left out.
export function optionMembers(container) {
  const members = {};
  for (const control of container.querySelectorAll("[data-kind]")) {
    const value = READ[control.dataset.kind](control);
    if (value !== null) members[control.name] = value;
  }
  if (members.fields) members.fields = [...ALWAYS, ...members.fields];
  return members;
}

const READ = {
  string: (control) => control.value || null,
  boolean: (control) => (control.value ? control.value === "true" : null),
  number: (control) => (control.value ? Number(control.value) : null),
  several: (control) => listed([...control.selectedOptions].map((one) => one.value)),
  words: (control) => words(control.value),
  "words-or-true": (control) => control.value.trim() === "true" || words(control.value),
};

function words(value) {
  return listed(value.split(",").map((one) => one.trim()).filter(Boolean));
}

function listed(values) {
  return values.length ? values : null;
}
