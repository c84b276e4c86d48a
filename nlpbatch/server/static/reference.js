// The API's reference and the table of tags, from its description.

import { element, prose } from "./elements.js";

export function referenceView(description, resolve) {
  const views = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationView(path, method, operation, resolve)),
  );
  return [element("p", {}, prose(description.info.description)), ...views];
}

function operationView(path, method, operation, resolve) {
  const head = element(
    "summary",
    {},
    element("span", { class: "method" }, method.toUpperCase()),
    " ",
    element("code", {}, path),
    " ",
    element("span", { class: "about" }, operation.summary),
  );
  const parts = [
    operation.description ? element("p", {}, prose(operation.description)) : null,
    bodyView(operation.requestBody, resolve),
    parametersView("Query", operation.parameters, "query"),
    parametersView("Headers", operation.parameters, "header"),
    answersView(operation.responses, resolve),
  ];
  return element("details", { class: "operation" }, head, parts.flat());
}

function bodyView(body, resolve) {
  const json = body?.content["application/json"];
  if (!json) return [];
  const schema = resolve(json.schema);
  const rows = Object.entries(schema.properties).map(([name, member]) => [
    name + ((schema.required ?? []).includes(name) ? " (required)" : ""),
    member,
  ]);
  return [element("h4", {}, "JSON body"), membersView(rows, resolve)];
}

function parametersView(title, parameters, place) {
  const own = parameters.filter((one) => one.in === place);
  if (!own.length) return [];
  const rows = own.map((one) => [one.name, { ...one.schema, description: one.description }]);
  return [element("h4", {}, title), membersView(rows, (schema) => schema)];
}

function membersView(rows, resolve) {
  const items = rows.flatMap(([name, schema]) => [
    element("dt", {}, element("code", {}, name), " ", element("span", { class: "type" }, typeOf(schema, resolve))),
    element("dd", {}, prose(schema.description ?? ""), bounds(schema)),
  ]);
  return element("dl", {}, items);
}

function typeOf(schema, resolve) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  const choices = (schema.anyOf ?? schema.oneOf ?? []).map((one) => typeOf(one, resolve));
  if (choices.length) return choices.join(" or ");
  const types = [schema.type ?? "any"].flat();
  return types.map((one) => (one === "array" ? `array of ${typeOf(schema.items ?? {}, resolve)}` : one)).join(" or ");
}

function bounds(schema) {
  const said = [];
  const choices = (schema.enum ?? schema.items?.enum ?? []).filter((one) => one !== null);
  if (choices.length) said.push(`one of ${choices.join(", ")}`);
  if (schema.minimum !== undefined) said.push(`${schema.minimum} to ${schema.maximum ?? "…"}`);
  if (schema.maxItems !== undefined) said.push(`up to ${schema.maxItems.toLocaleString("en")}`);
  if (schema["x-tagset"]) said.push(`with tags of ${schema["x-tagset"]} only`);
  if (schema.default !== undefined) said.push(`default ${JSON.stringify(schema.default)}`);
  return said.length ? element("div", { class: "hint" }, said.join("; ")) : null;
}

function answersView(responses, resolve) {
  const items = Object.entries(responses).flatMap(([status, answer]) => {
    const types = Object.entries(answer.content ?? {}).map(([type, media]) => `${type}: ${typeOf(media.schema, resolve)}`);
    const shown = Number(status) < 400 ? types.map((one) => element("div", { class: "hint" }, one)) : [];
    const headers = Object.keys(answer.headers ?? {}).join(", ");
    return [
      element("dt", {}, element("code", {}, status)),
      element("dd", {}, prose(answer.description), shown, element("div", { class: "hint" }, `Headers: ${headers}`)),
    ];
  });
  return [element("h4", {}, "Answers"), element("dl", {}, items)];
}

export function schemasView(schemas, resolve) {
  // The result of a function may be a list of objects.
  const members = (schema) => schema.properties ?? schema.items?.properties;
  const views = Object.entries(schemas)
    .filter(([, schema]) => members(schema))
    .map(([name, schema]) => {
      const rows = Object.entries(members(schema));
      const about = schema.description ? element("p", {}, prose(schema.description)) : null;
      return element("details", { class: "operation" }, element("summary", {}, element("code", {}, name)), about, membersView(rows, resolve));
    });
  return [element("h3", {}, "Schemas"), ...views];
}

// A tag that only some of the tag sets have says which.
export function tagsView(meanings) {
  const sets = new Set(Object.values(meanings).flatMap((meaning) => meaning.tagsets));
  const items = Object.entries(meanings).map(([tag, meaning]) =>
    element(
      "li",
      { class: meaning.class },
      element("code", {}, tag),
      " ",
      element("span", { lang: "ko" }, meaning.korean),
      " ",
      element("span", {}, meaning.english),
      meaning.tagsets.length < sets.size ? element("span", { class: "hint" }, ` (${meaning.tagsets.join(", ")})`) : null,
    ),
  );
  return element("ul", { class: "legend" }, items);
}
