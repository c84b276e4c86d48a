// Each part of the page, made of what the proxy tells.

import { chart } from "./chart.js";
import { element } from "./elements.js";
import { amount, bytes, moment, number, perSecond, percent, seconds } from "./format.js";
import { button, figures, level, small, table, word } from "./tables.js";

const N = "number";
const NW = "number wide";
const count = (value) => element("span", { class: value ? "bad" : null }, number(value));

export function now(found) {
  const all = found.totals;
  return [
    figures([
      ["answered", perSecond(all.bytes_per_s), `${number(all.answers_per_s, 1)} requests/s`],
      ["refused", `${number(all.refused_per_s, 1)}/s`, `${number(all.refused)} in ten minutes`],
      ["waiting", number(all.waiting), bytes(all.waiting_bytes)],
      ["at backends", `${number(all.in_flight)} of ${number(all.slots)}`, `${number(all.workers)} workers`],
      ["wait", seconds(all.wait_s), `longest of ten minutes ${seconds(all.longest_wait_s)}`],
      ["at a backend for", seconds(all.service_s)],
      ["requests since the start", number(all.requests_total), `${number(all.refused_total)} refused`],
    ]),
    ...chart(found.history, found.at_s),
  ];
}

export function full(found) {
  const rows = found.fullest.map((one) => {
    const kind = one.part >= 1 ? "bad" : "warm";
    return [
      [one.whose, small(one.what)],
      [level(one.part), element("span", { class: one.part >= 0.8 ? kind : null }, `${percent(one.part)} ${word(one.part)}`)],
      `${amount(one.used, one.unit)} of ${amount(one.limit, one.unit)}`,
      one.full_in_s === null ? "–" : seconds(one.full_in_s),
      element("code", {}, one.setting),
    ];
  });
  const heads = [["limit", "name"], ["used", ""], ["", N], ["full in", NW], ["setting", "wide"]];
  return table("limits, the fullest first", heads, rows, "no limit is set or used");
}

const FLOW = [["in flight", NW], ["waiting", N], ["answered", N], ["requests/s", NW], ["wait", N], ["longest", NW], ["refused in 10 min", N]];

function flow(one, refused) {
  return [
    number(one.in_flight), [number(one.waiting), one.waiting_bytes ? small(bytes(one.waiting_bytes)) : null],
    perSecond(one.bytes_per_s), number(one.answers_per_s, 1), seconds(one.wait_s), seconds(one.longest_wait_s), refused,
  ];
}

function usedUp(budget) {
  return Object.entries(budget || {}).map(([name, one]) =>
    small(`${name.split("_").pop()}: ${percent(one.used_bytes / one.limit_bytes)} of ${bytes(one.limit_bytes)}`));
}

export function tenants(found, act) {
  const classOf = (its, share) => ({ kind: "sub", cells: [its.class, ...flow({ ...its, in_flight: null }, count(its.refused)), share, ""] });
  const all = { cells: ["all tenants", ...flow({ ...found.totals }, count(found.totals.refused)), "", ""] };
  const rows = found.tenants.flatMap((one) => {
    const why = () => act.refusalsOf(one.tenant);
    const refused = one.refused ? button(number(one.refused), `refused ${one.tenant}`, why, "link bad") : "0";
    const turn = one.paused ? "resume" : "pause";
    const control = button(turn, `${turn} ${one.tenant}`, () => act[turn](one));
    const paused = one.paused ? [" ", element("span", { class: "warm" }, "‖ paused")] : [];
    const total = small(`${number(one.requests_total)} requests since the start`);
    const whole = [[one.tenant, ...paused, total, ...usedUp(one.budget)], ...flow(one, refused), "", control];
    const classes = one.classes.filter((its) => its.answered || its.waiting || its.refused || its.failed).map((its) =>
      classOf(its, [percent(its.share), small(`next waits ${seconds(its.next_wait_s)}`)]));
    return [whole, ...classes];
  });
  const whole = [all, ...found.classes.map((its) => classOf(its, ""))];
  return table("tenants", [["tenant", "name"], ...FLOW, ["share", NW], ["", ""]], [...whole, ...rows], "no tenants");
}

export function jobs(found) {
  const rows = found.jobs.map((one) => [
    [one.job, small(`${one.tenant}, ${one.class}`)], ...flow(one, count(one.refused)),
    [bytes(one.today_bytes), one.today_documents ? small(`${number(one.today_documents)} documents`) : null],
  ]);
  const heads = [["job", "name"], ...FLOW, ["today", NW]];
  const hint = "The proxy knows what a job has sent, not what it still has to send: nlpbatch runs knows that.";
  return [table("jobs", heads, rows, "no job has sent anything"), element("p", { class: "hint" }, hint)];
}

const who = (tenant) => (tenant === "-" ? "(unknown key)" : tenant);
const SHOWN = 15;
const breakable = (code) => code.split("_").flatMap((part, index) => (index ? [element("wbr"), `_${part}`] : [part]));

export function refusals(found, tenant, all, act) {
  const wanted = (one) => !tenant || one.tenant === tenant;
  const reasons = found.refusals.reasons.filter(wanted).map((one) => [
    who(one.tenant), [one.job || "–", small(one.class)], [breakable(one.code), one.cause ? small(one.cause) : null], number(one.count),
  ]);
  const of = found.refusals.last.filter(wanted);
  const last = of.slice(0, all ? of.length : SHOWN).map((one) => [
    [moment(one.at), small(who(one.tenant)), one.job ? small(one.job) : null], [breakable(one.code), small(`HTTP ${one.status}`), one.key ? small(`key ${one.key}`) : null],
    one.reason, one.retry_after_s === null ? "–" : seconds(one.retry_after_s),
  ]);
  const more = of.length > SHOWN ? button(all ? `show the last ${SHOWN}` : `show all ${number(of.length)}`, "more refusals", act.more) : null;
  return [
    element("h3", {}, "In the last ten minutes"),
    table("refusals by reason", [["tenant", "name"], ["job", "name"], ["reason", "code"], ["requests", N]], reasons, "nobody was refused"),
    element("h3", {}, `The last ${number(last.length)}`),
    table("last refusals", [["at, whose", "name"], ["code", "code"], ["why", "long"], ["sent away for", NW]], last, "none"),
    more,
  ];
}

export function backends(found, act) {
  const rows = found.backends.map((one) => {
    const state = one.breaker !== "closed" ? ["bad", `✗ ${one.breaker.replace("_", " ")}`] : one.ready ? [null, "✓ ready"] : ["bad", "✗ not ready"];
    return [
      [one.url, one.leaving ? small("leaving") : null], element("span", { class: state[0] }, state[1]), `${number(one.in_flight)} of ${number(one.limit)}`,
      number(one.workers), one.fingerprints.map((name) => small(name)),
    ];
  });
  const parts = [table("backends", [["backend", "name"], ["state", ""], ["in flight", N], ["workers", N], ["versions", "name"]], rows, "no backends")];
  if (found.scaling) {
    const wanted = found.scaling.wanted_workers;
    parts.push(element("p", {}, wanted === null ? `workers wanted: ${found.scaling.reason}` : `${number(wanted)} workers wanted, ${number(found.scaling.workers)} ready: ${found.scaling.reason}`));
  }
  if (found.processes.length) {
    const processes = found.processes.map((one) => [number(one.process), number(one.pid), one.serving ? "✓ serves" : element("span", { class: "bad" }, "✗ does not serve"), number(one.in_progress), number(one.restarts)]);
    parts.push(element("h3", {}, "Processes of this host"), table("processes", [["process", ""], ["pid", N], ["state", ""], ["requests", N], ["restarts", N]], processes, "none"));
  }
  if (found.fleet) {
    const members = found.fleet.proxies.map((one) => [[`${one.host}:${one.pid}`, one.me ? small("this one") : null], moment(one.started_at), one.version, number(one.generation), one.draining ? "drains" : "✓ serves"]);
    const store = found.fleet.store_away ? element("p", { class: "bad" }, `✗ the store ${found.fleet.store} is away: each proxy has its part of the limits`) : element("p", {}, `✓ the store ${found.fleet.store} answers`);
    parts.push(element("h3", {}, "Proxies and their store"), store, table("proxies", [["proxy", "name"], ["since", "moment"], ["version", "wide"], ["generation", N], ["state", ""]], members, "none"));
    if (!found.fleet.same_config) parts.push(element("p", { class: "bad" }, "✗ the proxies have different configurations"));
  }
  const drain = found.draining ? element("p", { class: "bad" }, "✗ draining: new requests are refused") : button("drain this proxy", "drain", act.drain);
  return [...parts, element("p", { class: "buttons" }, drain)];
}

export function usage(found) {
  if (!found.usage || !found.usage.today) return element("p", { class: "bad" }, `the ledger is away: ${found.usage?.away || "nothing was read yet"}`);
  const today = new Map(found.usage.today.map((row) => [row.tenant, row]));
  const of = (row) => row ? [number(row.requests), bytes(row.answered_bytes), number(row.documents), count(row.refused)] : ["0", "0 B", "0", "0"];
  const rows = found.usage.month.map((row) => [row.tenant, ...of(today.get(row.tenant)), ...of(row)]);
  const heads = [["tenant", "name"], ["today: requests", NW], ["today", N], ["documents", NW], ["refused", NW], ["month: requests", NW], ["month", N], ["documents", NW], ["refused", N]];
  const parts = [table(`usage of ${found.usage.day} and its month, in UTC`, heads, rows, "nothing was asked for this month")];
  if (found.usage.away) parts.push(element("p", { class: "bad" }, `the ledger is away, these are its last counts: ${found.usage.away}`));
  if (found.usage.missing) parts.push(element("p", { class: "bad" }, `the last counts of ${number(found.usage.missing)} killed proxies are missing`));
  return parts;
}

export function keys(found, act) {
  const rows = found.keys.map((one) => [
    [element("code", {}, one.id), one.note ? small(one.note) : null], one.tenant, element("span", { class: one.state === "active" ? null : "bad" }, one.state), one.source,
    moment(one.created_at), moment(one.expires_at), one.state === "active" ? button("revoke", `revoke ${one.id}`, () => act.revoke(one)) : "",
  ]);
  const hidden = found.keys_total - found.keys.length;
  const rest = hidden > 0 ? element("p", { class: "hint" }, `${number(hidden)} older keys: nlpbatch proxy key list`) : null;
  return [table("keys", [["key", "name"], ["tenant", "name"], ["state", ""], ["from", "wide"], ["made", "moment wide"], ["expires", "moment wide"], ["", ""]], rows, "no keys"), rest];
}

const shown = (value) => (value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));

export function config(found) {
  const { generation, faults, last_reload: reload } = found.config;
  const parts = [element("p", {}, `${number(generation)} ${generation === 1 ? "configuration has" : "configurations have"} been in force.`)];
  if (faults.length) parts.push(element("p", { class: "bad" }, "✗ the file as it is now was not taken over:"), element("pre", {}, faults.join("\n")));
  if (reload) {
    const rows = Object.entries(reload.settings).map(([name, one]) => [element("code", {}, name), shown(one.before), shown(one.after)]);
    parts.push(element("h3", {}, "The last reload, ", moment(reload.at)), table("what the last reload changed", [["setting", "name"], ["before", "name"], ["after", "name"]], rows, "nothing"));
  } else parts.push(element("p", { class: "none" }, "The file hasn't changed since the start."));
  const entries = found.audit.map((one) => [moment(one.at), [one.action, small(one.target)], [one.by || "–", small(one.address)], shown(one.before), shown(one.after)]);
  parts.push(element("h3", {}, "The last changes by operators"), table("audit log", [["at", "moment"], ["what", "name"], ["who", "name"], ["before", "name wide"], ["after", "name wide"]], entries, "none"));
  return parts;
}
