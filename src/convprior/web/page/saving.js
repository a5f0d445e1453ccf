// What is restored or painted is saved under a name; one that is taken is replaced if asked twice.

import { made } from "./errands.js";
import { keep } from "./painting.js";
import { $, desk } from "./state.js";
import { say } from "./talk.js";

let taken = null; // the form whose name is taken, and may be replaced

export async function saveMade() {
  await save($("save"), `/api/errands/${made().number}/save`, $("name").value, $("saved"));
}

export async function saveMask() {
  const number = await keep();
  if (number === null) throw new Error("Nothing is painted that could be saved.");
  const address = `/api/pictures/${desk.info.number}/masks/${number}/save`;
  await save($("save-mask"), address, $("mask-name").value, $("mask-said"));
}

async function save(form, address, name, out) {
  try {
    const { saved } = await say(address, { name, replace: taken === form });
    out.textContent = `Saved as ${saved} in the folder ${desk.folder}.`;
    ask(form, false);
  } catch (error) {
    if (error.status !== 409) throw error;
    ask(form, true);
    out.textContent = error.message;
    form.querySelector("button").focus();
  }
}

// Has the form's button ask whether to replace, or not any more.
export function ask(form, replace) {
  taken = replace ? form : null;
  form.querySelector("button").textContent = replace ? "Replace" : "Save";
}
