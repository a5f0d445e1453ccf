// The work: it is asked for, followed, and what it makes is shown.

import { ended, finding, made, restored, sought } from "./errands.js";
import { change, compare, keep } from "./painting.js";
import { refresh } from "./refresh.js";
import { $, desk, news, view, wrong } from "./state.js";
import { Gone, bytes, get, say } from "./talk.js";
import { Layer } from "./view.js";
import { from, wishes } from "./wishes.js";

let timer = null, polling = null;
let gone = false;
let seenOf = ""; // which preview or result is shown on the right

// Asks how all stands, after one that asks already: it may not know what has just been said.
export async function poll() {
  await polling;
  clearTimeout(timer);
  polling ??= look().finally(() => {
    polling = null;
    timer = setTimeout(poll, desk.errands.some((each) => !ended(each)) ? 500 : 4000);
  });
  return polling;
}

async function look() {
  try {
    const now = await get("/api/desk");
    Object.assign(desk, { errands: now.errands, folder: now.folder });
    const shown = $("pictures");
    if (shown.options.length !== now.pictures.length) {
      shown.replaceChildren(...now.pictures.map((each) => new Option(each.name, each.number)));
      if (desk.info) shown.value = desk.info.number;
    }
    shown.hidden = !now.pictures.length;
    if (gone) wrong("");
    gone = false;
    refresh();
    await follow();
    return now;
  } catch (error) {
    gone = error instanceof Gone;
    wrong(error);
    return null;
  }
}

export function layer(kind, number, about) {
  return new Layer(kind, number, desk.page, about, () => view.draw());
}

// Nothing that was made is shown any more: another picture is open.
export function forget() {
  view.after = null;
  seenOf = "";
}

// Shows what has become of the errands of this picture.
async function follow() {
  const found = sought().find(ended);
  if (found) { await take(found); refresh(); }
  const last = restored().at(-1), done = made(), { info, page } = desk;
  if (!last) return;
  const kind = !ended(last) && last.previews ? "preview" : done ? "made" : "";
  const of = kind === "preview" ? last : done;
  const key = kind && `${kind} ${of.number} ${kind === "preview" ? of.previews : ""} ${page}`;
  if (!key || key === seenOf) return;
  const first = !seenOf || kind === "made";
  seenOf = key;
  try {
    const about = await get(`/api/seen/${kind}/${of.number}/${page}`);
    const next = await layer(kind, of.number, about).ready();
    if (info !== desk.info) return;
    if (kind === "made") desk.layers.made = next;
    view.after = next;
    if (first && !view.down) compare(true); else view.draw(); // no stroke is cut off
    refresh();
  } catch (error) {
    seenOf = ""; // a preview that is gone: the result is next
    if (kind === "made") throw error;
  }
}

export async function restore() {
  const number = await keep();
  const start = from() === "made" ? made()?.number ?? null : null;
  await say("/api/errands", {
    what: "restore", picture: desk.info.number, page: desk.page, mask: number, start, wishes: wishes(),
  });
  $("saved").textContent = "";
  await poll();
  $("work").scrollIntoView({ block: "nearest" });
}

export async function stop(number) {
  await say(`/api/errands/${number}/stop`);
  await poll();
}

export async function find() {
  const { number } = await say("/api/errands", { what: "find", picture: desk.info.number, page: desk.page });
  finding.add(number);
  await poll();
}

// Paints what was found.
async function take(errand) {
  finding.delete(errand.number);
  if (errand.found) {
    const now = desk.mask, bits = await bytes(`/api/errands/${errand.number}/found`);
    if (now === desk.mask) change((mask) => mask.take(bits, true));
    else finding.add(errand.number); // it is for when its picture is back
  } else if (errand.error) wrong(errand.error);
  else if (errand.state !== "stopped") news("No dead pixels, scratches or dust were found.");
}
