// The form's options, made from the schema of an operation's request.

import { element } from "./elements.js";

const CARRIED = ["texts", "pretokenized", "morphemes", "chunks", "insert_new_lines"]; // documents, not options
const ALWAYS = ["form", "tag", "start", "end"]; // without them a token has no place on this page

// Returns the fields of a form for the members of a request's schema; `resolve` follows references.
export function optionFields(schema, analyzers, resolve) {
  const names = Object.keys(schema.properties).filter((name) => !CARRIED.includes(name));
  return names.map((name) => optionField(name, schema.properties[name], analyzers, resolve));
}

function optionField(name, schema, analyzers, resolve) {
  const id = `option-${name}`;
  const hint = element("span", { class: "hint", id: `${id}-hint` }, schema.description ?? "");
  const control = controlFor(name, schema, analyzers, resolve);
  control.id = id;
  control.name = name;
  control.setAttribute("aria-describedby", `${id}-hint`);
  return element("div", { class: "option" }, element("label", { for: id }, name), control, hint);
}

function controlFor(name, schema, analyzers, resolve) {
  const types = [schema.type].flat().filter((one) => one !== "null");
  const [type] = types;
  if (name === "analyzer") return analyzerSelect(analyzers);
  if (name === "operation") return calledSelect(analyzers[0]);
  if (type === "boolean") return select(["", "true", "false"], "boolean", leftAlone(schema));
  if (type === "integer" || type === "number") return number(schema, type);
  if (type === "string") return select(["", ...(schema.enum ?? []).filter((one) => one !== null)]);
  const choices = resolve(schema.items).enum;
  const words = types.includes("boolean") ? "words-or-true" : "words";
  if (!choices) return element("input", { type: "text", "data-kind": words, placeholder: "방/NNG, …" });
  return several(choices.filter((one) => name !== "fields" || !ALWAYS.includes(one)));
}

// A choice of analyzers, which changes what can be called if there is such a choice beside it.
function analyzerSelect(analyzers) {
  const control = select(analyzers.map((one) => one.name));
  control.addEventListener("change", () => {
    const called = document.getElementById("option-operation");
    if (called) called.replaceChildren(...calledSelect(analyzers.find((one) => one.name === control.value)).children);
  });
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
