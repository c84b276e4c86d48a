// Asks the proxy every two seconds. Only what has changed is made anew, so that selections, focus and scrolling stay.

import { actions } from "./actions.js";
import * as sections from "./sections.js";
import { start } from "./whatif.js";

const PERIOD_MS = 2000;
const status = document.querySelector("#status");
const tenant = document.querySelector("#tenant");
const shown = new Map();
let found = null;
let all = false;

const NAMES = ["now", "full", "tenants", "jobs", "refusals", "backends", "usage", "keys", "config"];
const USED = {
  now: (it) => [it.totals, it.history, Math.floor(it.at_s / 10)], full: (it) => it.fullest, tenants: (it) => [it.totals, it.classes, it.tenants], jobs: (it) => it.jobs,
  refusals: (it) => [it.refusals, tenant.value, all], backends: (it) => [it.backends, it.scaling, it.fleet, it.processes, it.draining],
  usage: (it) => it.usage, keys: (it) => [it.keys, it.keys_total], config: (it) => [it.config, it.audit],
};
const act = {
  ...actions(look),
  refusalsOf: (name) => {
    tenant.value = name;
    show();
    document.querySelector("#refusals").scrollIntoView();
    tenant.focus({ preventScroll: true });
  },
  more: () => {
    all = !all;
    show();
  },
};

function show() {
  choose();
  for (const name of NAMES) {
    const used = JSON.stringify(USED[name](found));
    if (shown.get(name) === used) continue;
    shown.set(name, used);
    const section = document.querySelector(`#${name}`);
    const place = section.querySelector(":scope > div") || section;
    const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const scrolled = new Map([...place.querySelectorAll(".table")].map((one) => [one.dataset.key, one.scrollLeft]));
    const made = name === "refusals" ? sections.refusals(found, tenant.value, all, act) : sections[name](found, act);
    place.replaceChildren(...[made].flat().filter((one) => one !== null));
    for (const one of place.querySelectorAll(".table")) one.scrollLeft = scrolled.get(one.dataset.key) || 0;
    if (key) [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus();
  }
  const drains = found.draining ? ", draining" : "";
  const faults = found.config.valid ? "" : ", the configuration file has faults";
  const processes = found.processes.length ? `, ${found.processes.length} processes` : "";
  const fleet = found.fleet ? `, ${found.fleet.proxies.length} proxies in the fleet` : "";
  document.querySelector("#at").textContent = `as of ${new Date(found.at).toLocaleTimeString("sv")},`;
  say(`live; configuration ${found.config.generation}${processes}${fleet}${drains}${faults}`);
}

// Written only when it has changed: screen readers speak it.
function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

function choose() {
  const names = [...new Set([...found.tenants.map((one) => one.tenant), ...found.refusals.reasons.map((one) => one.tenant)])];
  const known = [...tenant.options].slice(1).map((option) => option.value);
  if (JSON.stringify(names) === JSON.stringify(known)) return;
  const chosen = tenant.value;
  tenant.replaceChildren(tenant.options[0], ...names.map((name) => new Option(name === "-" ? "(unknown key)" : name, name)));
  tenant.value = names.includes(chosen) ? chosen : "";
}

async function look() {
  try {
    const answer = await fetch("dashboard.json", { cache: "no-store" });
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      return say(`✗ the proxy refuses: ${said.detail || `HTTP ${answer.status}`}`);
    }
    found = await answer.json();
  } catch {
    return say(`✗ the proxy doesn't answer${found ? `; these are the figures of ${new Date(found.at).toLocaleTimeString("sv")}` : ""}`);
  }
  show();
  document.documentElement.dataset.ready = "true";
}

async function follow() {
  if (!document.hidden) await look();
  setTimeout(follow, PERIOD_MS);
}

tenant.addEventListener("change", show);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
start().catch(() => {});
follow();
