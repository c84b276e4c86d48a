"use strict";
// The draft of a recipe: its text is the only truth. A field sends what was typed; the service puts it into the text and says what
// is wrong, in the words of the command line. One request at a time: what is typed meanwhile goes with the next one.
const TYPING_MS = 150;
const AGAIN_MS = 2000;
const MOST_STEPS = 200;
const NOTHING_YET = "[source]\n\n[sink]\n";
const draft = {};
const kept = new Map();   // drafts that somebody left without writing them, by name
let waiting = new Map();  // what was typed and isn't sent yet, by place
let stuck = new Map();    // what can't be put into the text, such as half a table: sent again until something else is typed there
let sending = false;
let timer = null;

async function ask(path, body) {
  const options = body === undefined ? {cache: "no-store"} :
    {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)};
  let answer;
  try { answer = await fetch(`recipes/${path}`, options); } catch { throw new Error("the service doesn't answer"); }
  const said = await answer.json().catch(() => null);
  if (answer.ok) return said;
  throw Object.assign(new Error(said?.detail || `the service answered ${answer.status}`), {said});
}

function begin(name, text, digest) {
  Object.assign(draft, {name, text, digest, written: digest === null ? null : text, look: null, given: {}, past: [], chosen: "source",
    failure: "", revision: 0, conflict: null, said: "", moves: false, seen: null}, kept.get(name));
  kept.delete(name);
  waiting = new Map();
  stuck = new Map();
  send();
}

function leave() {
  if (draft.name && draft.past?.length && !isWritten()) {
    const {text, digest, written, given, past} = draft;
    kept.set(draft.name, {text, digest, written, given, past});
  }
  draft.name = null;
}

const place = (section, key) => JSON.stringify([section, key]);
const isWritten = () => draft.text === draft.written;

// typed null takes an option or a section out; key null is the section as a whole.
function edit(section, key, typed, soon = TYPING_MS) {
  waiting.set(place(section, key), {section, key, typed});
  later(soon);
}

function replaceText(text, soon = TYPING_MS) {
  if (text === draft.text) return;
  remember();
  draft.text = text;
  draft.revision += 1;
  stuck = new Map();
  later(soon);
}

function undo() {
  const text = draft.past.pop();
  if (text === undefined) return;
  waiting = new Map();
  stuck = new Map();
  draft.text = text;
  draft.revision += 1;
  later(0);
}

function remember() {
  draft.past = [...draft.past, draft.text].slice(-MOST_STEPS);
}

function later(soon) {
  clearTimeout(timer);
  timer = setTimeout(send, soon);
}

async function send() {
  if (sending) return;
  sending = true;
  const {name, text, revision} = draft;
  const edits = new Map([...stuck, ...waiting]);
  waiting = new Map();
  try {
    const look = await ask("draft", {name, text, edits: [...edits.values()], variables: draft.given});
    if (name === draft.name && revision === draft.revision) {
      stuck = new Map([...edits].filter(([, one]) => look.faults.some(fault => fault.refused && fault.section === one.section && fault.key === one.key)));
      if (look.text !== text) remember();
      Object.assign(draft, {text: look.text, look, failure: ""});
    } else if (name === draft.name) waiting = new Map([...edits, ...waiting]);  // the text was changed meanwhile: once more
  } catch (error) {
    if (name === draft.name) draft.failure = error.message;
    if (name === draft.name && !error.said) waiting = new Map([...edits, ...waiting]);  // nobody has seen them: once more
  }
  sending = false;
  showDraft();
  if (waiting.size || name !== draft.name || revision !== draft.revision) later(draft.failure ? AGAIN_MS : 0);
}

// Waits until all that was typed is in the text; returns why something can't be, "" if all is.
async function settle() {
  clearTimeout(timer);
  do {
    await send();
    await new Promise(done => setTimeout(done, 20));
  } while ((sending || waiting.size) && !draft.failure);
  return draft.failure || (draft.look?.faults || []).filter(fault => fault.refused).map(fault => fault.text).join("\n");
}

// What is wrong at a place, from the draft and, as long as nothing has changed since, from its trial.
function faultsAt(section, key) {
  const faults = [...(draft.look?.faults || []), ...trialFaults()];
  return faults.filter(fault => fault.section === section && (key === undefined || fault.key === key));
}
