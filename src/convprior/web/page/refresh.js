// Brings all that the page says, and what can be pressed, to how things stand.

import { advised, ended, made, restored, sought, unended } from "./errands.js";
import { $, desk, view, wrong } from "./state.js";
import { refreshWishes } from "./wishes.js";
import * as words from "./words.js";

let failed = -1; // the errand of which it has been said

export function refresh() {
  const { info, mask, layers } = desk;
  const count = mask ? mask.count() : 0, task = $("task").value;
  const last = restored().at(-1), done = made(), busy = last && !ended(last);
  $("undo").disabled = !mask?.done.length;
  $("redo").disabled = !mask?.undone.length;
  for (const id of ["invert", "clear"]) $(id).disabled = !mask;
  $("widen").disabled = !count;
  const looking = sought().length > 0;
  $("find").disabled = !mask || looking;
  $("find").textContent = looking ? "Looking for scratches and dust…" : "Find scratches and dust";
  $("marked").textContent = info ? words.painted(count, info) : "";
  refreshWishes(advised(count)?.[0]);
  $("advice").textContent = words.advice(count, task);
  const { width, height } = layers.made?.info ?? {};
  $("from").hidden = !info || width !== info.width || height !== info.height;
  $("restore").disabled = !info || busy || (task === "inpaint" && !count);
  $("to-compare").disabled = !view.after;
  $("work").hidden = !busy;
  if (busy) working(last);
  const fresh = $("result").hidden && done && !busy;
  $("result").hidden = !done || busy;
  if (done && !busy) $("told").textContent = words.result(done);
  if (fresh) $("result").scrollIntoView({ block: "nearest" });
  if (last?.state === "failed" && failed !== last.number) {
    failed = last.number;
    wrong(last.error);
  }
  lineUp(unended());
}

function working(errand) {
  $("progress").textContent = words.progress(errand);
  const tenth = `${Math.floor(10 * errand.share)}0 %`;
  if (errand.state === "working" && $("live").textContent !== tenth) $("live").textContent = tenth;
  if (errand.share) $("bar").value = errand.share; else $("bar").removeAttribute("value");
  $("stop").textContent = errand.state === "waiting" ? "Leave the line" : "Stop and keep the best";
  $("stop").disabled = errand.stopping || !$("opening").hidden; // it is the other picture's still
}

let lined = "";

function lineUp(errands) {
  $("line").hidden = errands.length < 2 && errands.every((each) => each.picture === desk.info?.number);
  const now = JSON.stringify(errands.map((each) => [each.number, words.place(each)]));
  if (now === lined) return; // a button that is replaced would lose the focus
  lined = now;
  $("errands").replaceChildren(...errands.map((each) => {
    const item = document.createElement("li");
    item.textContent = words.place(each);
    if (each.state === "waiting") {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Remove";
      button.ariaLabel = `Remove ${each.name} from the line`;
      button.dataset.errand = each.number;
      item.append(button);
    }
    return item;
  }));
}
