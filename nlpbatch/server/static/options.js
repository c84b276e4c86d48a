// The form's options, made from the schema of an operation's request.

import { element } from "./elements.js";

const ALWAYS = ["form", "tag", "start", "end"]; // without them a token has no place on this page

// Returns the fields of a form for the members of a request's schema; `resolve` follows references.
export function optionFields(schema, analyzers, resolve) {
  const names = Object.keys(schema.properties).filter((name) => name !== "texts");
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
  const type = [schema.type].flat().find((one) => one !== "null");
  if (name === "analyzer") return select(analyzers);
  if (type === "boolean") return select(["", "true", "false"], "boolean", leftAlone(schema));
  if (type === "integer") return number(schema);
  if (type === "string") return select(["", ...(schema.enum ?? []).filter((one) => one !== null)]);
  const choices = resolve(schema.items).enum;
  if (!choices) return element("input", { type: "text", "data-kind": "words", placeholder: "방/NNG, …" });
  return several(choices.filter((one) => name !== "fields" || !ALWAYS.includes(one)));
}

function leftAlone(schema) {
  return schema.default === undefined ? "as the analyzer has it" : `${schema.default} (default)`;
}

function select(choices, kind = "string", blank = "as the analyzer has it") {
  const options = choices.map((one) => element("option", { value: one }, one || blank));
  return element("select", { "data-kind": kind }, options);
}

function number(schema) {
  const bounds = { min: schema.minimum, max: schema.maximum, value: schema.default };
  return element("input", { type: "number", step: 1, "data-kind": "integer", ...bounds });
}

function several(choices) {
  const options = choices.map((one) => element("option", { value: one }, one));
  return element("select", { multiple: true, size: 4, "data-kind": "several" }, options);
}

// Returns the members that the form asks for; what was left alone is left out.
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
  integer: (control) => (control.value ? Number(control.value) : null),
  several: (control) => listed([...control.selectedOptions].map((one) => one.value)),
  words: (control) => listed(control.value.split(",").map((one) => one.trim()).filter(Boolean)),
};

function listed(values) {
  return values.length ? values : null;
}
