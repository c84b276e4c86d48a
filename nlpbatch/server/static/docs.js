// The page: fetches the description once, then sends what the user types.

import { outcomeView } from "./analysis.js";
import { element } from "./elements.js";
import { keptValues, optionFields, optionMembers, putBack } from "./options.js";
import { referenceView, schemasView, tagsView } from "./reference.js";

const byId = (id) => document.getElementById(id);
const state = { description: null, analyzers: [], meanings: {}, shown: null };

function resolve(schema) {
  const name = schema.$ref?.split("/").at(-1);
  return name ? state.description.components.schemas[name] : schema;
}

// The operations that take texts, with the schema of their requests.
function operations() {
  return Object.entries(state.description.paths).flatMap(([path, { post }]) =>
    post ? [{ path, name: post.operationId, summary: post.summary, schema: post.requestBody.content["application/json"].schema }] : [],
  );
}

function chosen() {
  const name = new FormData(byId("form")).get("operation");
  return operations().find((one) => one.name === name);
}

function keyHeader() {
  const key = byId("key").value.trim();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

// Also done again while the service loads its analyzers, which decide about the description, too.
async function start() {
  try {
    state.description = await (await answered("openapi.json")).json();
  } catch (error) {
    fail(error);
    return;
  }
  const { schemas } = state.description.components;
  state.meanings = schemas.Tag["x-meanings"];
  byId("tag-table").replaceChildren(tagsView(state.meanings));
  byId("operations-table").replaceChildren(...referenceView(state.description, resolve), ...schemasView(schemas, resolve));
  showOperations();
  await showAnalyzers();
  document.documentElement.dataset.ready = "";
}

// The analyzers that offer an operation; as long as a key is missing, those that the description names.
function offered(name) {
  if (!state.analyzers.length) return described(name);
  return state.analyzers.filter(({ operations }) =>
    name === "call" ? operations.some((one) => one.result) : !operations.length || operations.some((one) => one.name === name),
  );
}

function described(name) {
  const schema = resolve(operations().find((one) => one.name === name).schema);
  if (name === "call") return (schema.anyOf ?? []).map(({ properties }) => ({ name: properties.analyzer.enum[0], operations: called(properties) }));
  const names = (schema.properties.analyzer.enum ?? ["default"]).filter((one) => one !== null);
  return names.map((one) => ({ name: one, operations: [] }));
}

function called({ operation }) {
  return operation.enum.filter(Boolean).map((name) => ({ name, meaning: "", result: {} }));
}

function showOperations() {
  const before = new FormData(byId("form")).get("operation");
  const shown = operations().filter(({ name }) => offered(name).length);
  byId("operations").replaceChildren(...shown.map(operationChoice));
  const kept = byId(`operation-${before}`);
  if (kept) kept.checked = true;
  showOptions();
}

function operationChoice({ name, summary }, index) {
  const input = element("input", { type: "radio", name: "operation", value: name, id: `operation-${name}`, checked: !index });
  input.addEventListener("change", showOptions);
  return element("label", { for: input.id, title: summary }, input, ` ${name}`);
}

// Values stay when another analyzer is chosen, as far as that takes them, and go with another operation.
function showOptions() {
  const { name, schema } = chosen();
  const box = byId("options");
  const kept = state.shown === name ? keptValues(box) : {};
  const analyzers = offered(name);
  const analyzer = analyzers.find((one) => one.name === kept.analyzer) ?? analyzers[0];
  const about = { analyzers, analyzer, resolve, meanings: state.meanings };
  box.replaceChildren(...optionFields(resolve(schema), about, showOptionsOfAnalyzer));
  putBack(box, kept);
  state.shown = name;
  // What is called is no option of a call, but what it is about.
  if (name === "call") byId("options-box").open = true;
}

function showOptionsOfAnalyzer() {
  showOptions();
  byId("option-analyzer").focus();
}

// Behind the proxy this needs the key, so it may fail here, and is tried again when a key is entered.
async function showAnalyzers() {
  try {
    const catalogue = await (await answered("v1/analyzers", { headers: keyHeader() })).json();
    state.analyzers = catalogue.analyzers.map((one) => ({ ...one, operations: one.operations ?? [] }));
    showOperations();
  } catch (error) {
    if (error.status === 503) setTimeout(start, 1000 * (error.members.retry_after_s ?? 1));
    else if (!(error instanceof Problem)) fail(error);
  }
}

class Problem extends Error {
  constructor(status, members) {
    super(members.detail ?? `HTTP ${status} without an explanation`);
    this.status = status;
    this.members = members;
  }
}

async function answered(path, request = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...request, credentials: "omit" });
  } catch {
    throw new Error("The service could not be reached: check that it runs, and try again.");
  }
  if (answer.ok) return answer;
  throw new Problem(answer.status, await answer.json().catch(() => ({})));
}

async function analyse() {
  const { path, schema } = chosen();
  const [member] = Object.keys(resolve(schema).properties);
  const text = byId("text").value;
  const question = { [member]: [DOCUMENT[member](text)], ...optionMembers(byId("options")) };
  const headers = { "Content-Type": "application/json", ...keyHeader() };
  waiting(true);
  try {
    const answer = await answered(path.slice(1), { method: "POST", headers, body: JSON.stringify(question) });
    show(question, path, await answer.json(), answer.headers.get("Server-Timing"), member === "texts" ? text : null);
  } catch (error) {
    fail(error);
  } finally {
    waiting(false);
  }
}

// A document of each kind as it is typed.
const DOCUMENT = {
  texts: (text) => text,
  chunks: (text) => text.split("\n"),
  morphemes: (text) => text.split(/\s+/).filter(Boolean).map(morpheme),
};

function morpheme(word) {
  const slash = word.lastIndexOf("/");
  return slash < 0 ? [word, ""] : [word.slice(0, slash), word.slice(slash + 1)];
}

function waiting(is) {
  byId("send").disabled = is;
  byId("result").setAttribute("aria-busy", String(is));
}

function show(question, path, answer, timing, text) {
  byId("failure").replaceChildren();
  const facts = [`analyzer ${answer.analyzer}`, `fingerprint ${answer.fingerprint}`, timing].filter(Boolean);
  byId("result").replaceChildren(
    outcomeView(answer.outcomes[0], text, state.meanings),
    element("p", { class: "hint facts" }, facts.join(" · ")),
    raw("Question", () => `POST ${path}\n${JSON.stringify(question, null, 2)}`),
    raw("Answer", () => JSON.stringify(answer, null, 2)),
  );
}

// Written when it is opened: of a long text it is megabytes.
function raw(title, write) {
  const text = element("pre", { tabindex: 0 });
  const box = element("details", {}, element("summary", {}, `${title} as JSON`), text);
  box.addEventListener("toggle", () => text.replaceChildren(write()), { once: true });
  return box;
}

function fail(error) {
  const members = error.members ?? {};
  const head = error instanceof Problem ? `${error.status} ${members.code ?? ""}` : "Not answered";
  const more = [
    members.path ? `at ${members.path}` : null,
    members.retry_after_s === undefined ? null : `try again in ${members.retry_after_s} s`,
    members.request_id ? `request ${members.request_id}` : null,
    error.status === 401 ? "enter a key under “Access key”" : null,
  ].filter(Boolean);
  byId("result").replaceChildren();
  byId("failure").replaceChildren(
    element("p", { class: "error" }, element("strong", {}, head), `: ${error.message}`),
    element("p", { class: "hint" }, more.join(" · ")),
  );
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.description && !byId("send").disabled) analyse();
});
byId("text").addEventListener("keydown", (event) => {
  // While a syllable is being composed, Enter belongs to the input method.
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) byId("form").requestSubmit();
});
byId("key").addEventListener("change", showAnalyzers);
start();
