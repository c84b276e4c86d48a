"use strict";
// The list of recipes, and the page of one: #/NAME.
const main = document.querySelector("main");
let known = {recipes: [], sections: [], directory: ""};

// Makes the children of an element anew if what they show has changed; who walks by keyboard stays where they were.
function keep(element, now, draw) {
  if (element.dataset.now === now) return;
  element.dataset.now = now;
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  element.replaceChildren(...[draw()].flat().filter(child => child !== null));
  if (focused) [...element.querySelectorAll("[data-key]")].find(one => one.dataset.key === focused)?.focus();
}

function drawList() {
  const input = make("input", {id: "new", type: "text", placeholder: "reviews.toml", spellcheck: false, autocomplete: "off"});
  const open = event => {
    event.preventDefault();
    const wanted = input.value.trim();
    if (wanted) location.hash = `#/${encodeURIComponent(wanted.endsWith(".toml") ? wanted : `${wanted}.toml`)}`;
  };
  const rows = [...new Set([...known.recipes, ...kept.keys()])].map(one =>
    [[make("a", {href: `#/${encodeURIComponent(one)}`}, one), kept.has(one) ? make("small", {}, "changed, not written yet") : null]]);
  return [
    make("form", {class: "controls", onsubmit: open}, make("label", {}, "Name of a new recipe", input), make("button", {type: "submit"}, "New recipe")),
    rows.length ? table("recipes", [["recipe", "name"]], rows) : make("p", {}, "There are no recipes yet."),
  ];
}

function drawDraft() {
  return [
    make("a", {class: "back", href: "#"}, "← all recipes"), make("h2", {id: "name"}, draft.name),
    make("p", {class: "why", id: "failure", role: "alert"}),
    make("section", {}, make("h2", {}, "Stages"), make("div", {id: "stages"}), make("div", {id: "palette"}), make("div", {id: "form", class: "form"})),
    make("section", {}, ...drawFile()), make("section", {}, ...drawTrial()), make("section", {}, ...drawCommand()),
  ];
}

function showDraft() {
  if (!draft.name || !document.querySelector("#stages")) return;
  const look = draft.look;
  const failure = document.querySelector("#failure");
  failure.hidden = !draft.failure;
  if (failure.textContent !== draft.failure) failure.textContent = draft.failure;
  if (look?.sections) {
    const names = known.sections.map(section => section.name);
    if (draft.chosen !== "source" && !(draft.chosen in look.sections) && !["sink"].includes(draft.chosen) && !waiting.size && !sending) draft.chosen = "source";
    const section = known.sections[Math.max(0, names.indexOf(draft.chosen))];
    const faults = [...look.faults, ...trialFaults()];
    keep(document.querySelector("#stages"), JSON.stringify([look.stages, faults, draft.chosen, trial?.stages]), () => drawStages(look));
    keep(document.querySelector("#palette"), JSON.stringify(Object.keys(look.sections)), () => drawPalette(look, known.sections));
    const form = document.querySelector("#form");
    const odd = Object.keys(look.sections[section.name] || {}).filter(key => !section.options.some(option => option.name === key));
    keep(form, JSON.stringify([section.name, odd, draft.name]), () => drawForm(section, look));
    fillForm(form, look);
    if (draft.moves) form.querySelector("h3").focus();
    draft.moves = false;
  }
  document.querySelector("#stages").inert = document.querySelector("#palette").inert = document.querySelector("#form").inert = !look?.sections;
  fillFile(look);
  fillTrial(look);
  fillCommand(look);
}

async function open() {
  const hash = location.hash;
  const name = fromHash();
  const at = document.querySelector("#at");
  leave();
  try {
    known = await ask("list.json");
    if (hash !== location.hash) return;  // another one was opened meanwhile
    at.textContent = `below ${known.directory}`;
    if (name === null) {
      main.replaceChildren(...drawList());
    } else {
      const file = known.recipes.includes(name) ? await ask(`recipe.json?${new URLSearchParams({name})}`) : {text: NOTHING_YET, digest: null};
      if (hash !== location.hash) return;
      begin(name, file.text, file.digest);
      main.replaceChildren(...drawDraft());
      await findTrial(name);
    }
  } catch (error) {
    if (hash !== location.hash) return;
    draft.name = null;
    main.replaceChildren(make("a", {class: "back", href: "#"}, "← all recipes"), make("p", {class: "why", role: "alert"}, error.message));
  }
  document.documentElement.dataset.ready = "true";
}

addEventListener("hashchange", open);
addEventListener("beforeunload", event => { if (kept.size || (draft.name && draft.past.length && !isWritten())) event.preventDefault(); });
open();
