"use strict";
// The file: its text, which can be typed into as well; writing it, unless someone else has; and the command that runs it.
// A field for text has one kind of line ends; the file keeps its own.
const inField = text => text.replaceAll("\r\n", "\n");
const inFile = typed => draft.text.includes("\r\n") ? typed.replaceAll("\n", "\r\n") : typed;

function drawFile() {
  const text = make("textarea", {id: "text", rows: 18, spellcheck: false, "aria-label": "text of the file", "aria-describedby": "file-faults"});
  text.oninput = () => replaceText(inFile(text.value));
  return [
    make("h2", {}, "The file"),
    make("p", {class: "soft"}, "What is changed above is changed here, and the other way round. Comments and order stay as they are."),
    text, make("div", {id: "file-faults", class: "faults"}),
    make("p", {}, make("button", {type: "button", id: "write", onclick: write}, "Write the file"), " ",
      make("button", {type: "button", id: "undo", onclick: undo}, "Undo"), " ", make("span", {id: "written", role: "status"})),
    make("div", {id: "conflict"}),
  ];
}

function fillFile(look) {
  const text = document.querySelector("#text");
  if (text !== document.activeElement && text.value !== inField(draft.text)) text.value = inField(draft.text);
  showFaults(document.querySelector("#file-faults"), look ? faultsAt(null) : [], look || {});
  document.querySelector("#undo").disabled = !draft.past.length;
  document.querySelector("#write").disabled = isWritten();
  const states = [draft.digest === null ? "not written yet" : isWritten() ? "as in the file" : "changed, not written yet", draft.said];
  document.querySelector("#written").textContent = states.filter(Boolean).join(". ");
  keep(document.querySelector("#conflict"), JSON.stringify(draft.conflict), drawConflict);
}

async function write() {
  const refused = await settle();
  const {name, text, digest, given} = draft;
  draft.said = "";
  try {
    if (refused) throw new Error(refused);
    const written = await ask("write", {name, text, digest, variables: given});
    noteWritten(name, text, written.digest);
  } catch (error) {
    if (name !== draft.name) return;
    if (error.said && "difference" in error.said) draft.conflict = error.said;
    else draft.said = error.message;
  }
  showDraft();
}

function noteWritten(name, text, digest) {
  if (name === draft.name) Object.assign(draft, {digest, written: text, conflict: null, said: "Written"});
  else if (kept.get(name)?.text === text) kept.delete(name);  // it was left meanwhile
  else if (kept.has(name)) kept.set(name, {...kept.get(name), digest, written: text});
}

function drawConflict() {
  const {message, current, difference} = draft.conflict || {};
  if (!draft.conflict) return [];
  const settle = () => { draft.digest = current?.digest ?? null; draft.conflict = null; };
  const take = () => { settle(); draft.written = current.text; replaceText(current.text, 0); showDraft(); };
  return [
    make("p", {class: "why", role: "alert"}, message), make("pre", {tabIndex: 0, "aria-label": "the difference"}, difference),
    current ? make("button", {type: "button", onclick: take}, "Take their version") : null, " ",
    make("button", {type: "button", onclick: () => { settle(); write(); }}, current ? "Write mine over it" : "Write it as a new one"),
  ];
}

function drawCommand() {
  const copy = async () => {
    const command = document.querySelector("#command");
    getSelection().selectAllChildren(command);
    try { await navigator.clipboard.writeText(command.textContent); } catch { document.execCommand("copy"); }
    document.querySelector("#copied").textContent = "Copied.";
  };
  return [
    make("h2", {}, "Run all of it"),
    make("p", {class: "soft"}, "With all rows, a recipe is run by this command, or by the trigger of its DAG in Airflow (nlpbatch schedule makes one); not from this page."),
    make("pre", {id: "command", tabIndex: 0, "aria-label": "the command"}),
    make("p", {}, make("button", {type: "button", id: "copy", onclick: copy}, "Copy the command"), " ", make("span", {id: "copied", role: "status"}),
      make("span", {id: "first"})),
  ];
}

function fillCommand(look) {
  const command = document.querySelector("#command");
  if (look?.command && command.textContent !== look.command) {
    command.textContent = look.command;
    document.querySelector("#copied").textContent = "";
  }
  document.querySelector("#first").textContent = isWritten() ? "" : " It reads the file: write that first.";
}
