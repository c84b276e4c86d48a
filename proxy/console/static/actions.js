// What an operator does here: each asks first, and is in the audit log.

const dialog = document.querySelector("#confirm");
const by = document.querySelector("#by");
const fault = document.querySelector("#confirm-fault");
const does = document.querySelector("#do");
const KEPT = "nlpbatch operator";
let wanted = null;

// A header has bytes: those of the name in UTF-8.
const header = (name) => String.fromCharCode(...new TextEncoder().encode(name.trim()));

export function confirmed(title, text, verb, path, done) {
  document.querySelector("#confirm-title").textContent = title;
  document.querySelector("#confirm-text").textContent = text;
  does.textContent = verb;
  fault.textContent = "";
  by.value = localStorage.getItem(KEPT) || "";
  wanted = { path, done };
  dialog.showModal();
}

async function act() {
  does.disabled = true;
  try {
    localStorage.setItem(KEPT, by.value);
    const answer = await fetch(wanted.path, { method: "POST", headers: { "Nlpbatch-Actor": header(by.value) } });
    if (answer.ok) {
      dialog.close();
      await wanted.done();
    } else {
      const said = await answer.json().catch(() => ({}));
      fault.textContent = said.detail || `HTTP ${answer.status}`;
    }
  } catch {
    fault.textContent = "the proxy doesn't answer";
  } finally {
    does.disabled = false;
  }
}

does.addEventListener("click", act);
document.querySelector("#cancel").addEventListener("click", () => dialog.close());
by.addEventListener("keydown", (event) => { if (event.key === "Enter") act(); });

export function actions(refresh) {
  const of = (tenant, action) => `tenants/${encodeURIComponent(tenant)}/${action}`;
  return {
    pause: (one) => confirmed(`Pause ${one.tenant}?`, `New requests of ${one.tenant} are refused with tenant_paused, and ${one.waiting} stay where they wait, until you resume it.`, "pause", of(one.tenant, "pause"), refresh),
    resume: (one) => confirmed(`Resume ${one.tenant}?`, `Requests of ${one.tenant} are admitted again.`, "resume", of(one.tenant, "resume"), refresh),
    drain: () => confirmed("Drain this proxy?", "It refuses all new requests from now on and finishes those in progress. Only a restart ends that.", "drain", "drain", refresh),
    revoke: (one) => confirmed(`Revoke the key ${one.id}?`, `Requests of ${one.tenant} with this key are refused from now on, at every proxy of the fleet. A key can't be made valid again.`, "revoke", `keys/${encodeURIComponent(one.id)}/revoke`, refresh),
  };
}
