// The page: what is open, what is painted, what the server says of the work, and all buttons.

import { Hands } from "./hands.js";
import { Mask } from "./mask.js";
import { Gone, bytes, get, say, send } from "./talk.js";
import { Layer, View } from "./view.js";

const $ = (id) => document.getElementById(id);
const WORDS = {
  denoise: "remove noise", inpaint: "fill in what is painted",
  dejpeg: "remove the traces of JPEG", superresolve: "enlarge", deblur: "sharpen",
};
const ENDED = {
  "nothing to do": "Nothing was to be done: it is what came. “Remove noise” insists.",
  regular: "What was regular was taken out; nothing else was to be done. “Remove noise” insists.",
  patches: "By alike patches.",
  stopped: "The network stopped where pixels that it never saw said so.",
  "max steps": "The network went to its last step.",
  "time limit": "The time was over; more of it may do better.",
  interrupted: "Stopped: this is the best so far.",
  diverged: "The network failed; this is the best so far.",
  failed: "A later run failed; those before it count.",
};
const SAVE_AFTER = 1200; // ms after a stroke, what is painted goes to the server

let info = null; // of the picture that is shown
let page = 0;
let mask = null;
let errands = [];
let layers = {}; // original, made: what is seen of the picture
let seenOf = ""; // which preview or result is shown on the right
let saving = null, sent = null; // what is painted: the timer, and the number that it has been given
let taken = null; // the form whose name is taken, and may be replaced

const view = new View($("canvas"), () => {
  $("zoom").value = `${Math.round(view.scale * 100)} %`;
});
const hands = new Hands(view, painted, (at) => split(Math.min(Math.max(at, 0), 1)));

function wrong(error) {
  $("wrong").textContent = error?.message ?? error ?? "";
  $("wrong").hidden = !error;
  if (error) $("wrong").scrollIntoView({ block: "nearest" });
}

// Makes of work that can fail a function that says so.
const told = (work) => async (...given) => {
  try { wrong(""); await work(...given); } catch (error) { wrong(error); }
};

// ---- what is open -------------------------------------------------------------------------------

const seen = (kind, number) => get(`/api/seen/${kind}/${number}/${page}`);
const layer = (kind, number, about) => new Layer(kind, number, page, about, () => view.draw());

async function open(number) {
  if (info?.number !== number) page = 0;
  info = { ...await get(`/api/pictures/${number}`), ...await seen("picture", number) };
  history.replaceState(null, "", `/#${number}`);
  layers = { original: layer("picture", number, info) };
  Object.assign(view, { after: null, comparing: false, before: null });
  seenOf = "";
  mask = new Mask(info.width, info.height);
  sent = info.mask;
  if (sent !== null) mask.take(await bytes(`/api/masks/${sent}`), false);
  mask.done = [];
  $("empty").hidden = true;
  $("pictures").value = number;
  $("page-of").hidden = info.pages < 2;
  $("page").replaceChildren(...Array.from({ length: info.pages }, (_, k) => new Option(k + 1, k)));
  $("page").value = page;
  $("name").value = info.target;
  $("mask-name").value = info.mask_target;
  for (const id of ["saved", "mask-said"]) $(id).textContent = "";
  $("from").hidden = true;
  document.querySelector('[name=from][value="original"]').checked = true;
  view.show(layers.original, mask);
  size();
  refresh();
  await poll();
  const last = restored().at(-1);
  if (last) wish(last.wishes);
  const looked = errands.some((each) => each.what === "look" && each.picture === number && each.page === page);
  if (!looked) await say("/api/errands", { what: "look", picture: number, page });
  await poll();
}

async function receive(files) {
  for (const file of files) {
    const { number } = await send(`/api/pictures?name=${encodeURIComponent(file.name)}`, file);
    await poll();
    await open(number);
  }
}

// ---- painting -----------------------------------------------------------------------------------

function painted() {
  sent = undefined;
  clearTimeout(saving);
  saving = setTimeout(() => keep().catch(() => {}), SAVE_AFTER); // said when it is used
  refresh();
}

// Returns the number under which the server has what is painted, null if nothing is.
async function keep() {
  clearTimeout(saving);
  if (sent !== undefined) return sent;
  const now = mask;
  const body = now.count() ? await now.png() : null;
  const answer = await send(`/api/pictures/${info.number}/masks`, body);
  if (now === mask) sent = answer.mask;
  return answer.mask;
}

function size() {
  const most = Math.max(64, Math.max(info?.width ?? 0, info?.height ?? 0) / 6);
  view.brush = Math.max(1, Math.round(most ** ($("size").value / 100)));
  $("size-said").value = `${view.brush} px`;
  view.draw();
}

function tool(name) {
  hands.tool = name;
  for (const id of ["brush", "eraser", "hand"]) $(id).ariaPressed = String(id === name);
  $("canvas").style.cursor = { brush: "crosshair", eraser: "crosshair", hand: "grab" }[name];
}

function change(act) {
  if (!mask) return;
  compare(false);
  if (act()) { painted(); view.draw(); }
}

// ---- what is to be done -------------------------------------------------------------------------

function wishes() {
  const task = $("task").value, strength = 2 ** Number($("strength").value);
  const noisy = ["auto", "denoise", "dejpeg"].includes(task);
  return {
    task,
    ...(noisy && strength !== 1 ? { strength } : {}),
    ...(task === "superresolve" ? { scale: Number($("scale").value) } : {}),
    ...(task === "deblur" ? { sigma: Number($("sigma").value) } : {}),
    ...($("limit").value ? { time_limit: Number($("limit").value) } : {}),
  };
}

function wish(of) {
  $("task").value = of.task;
  $("strength").value = Math.log2(of.strength);
  if (of.scale) $("scale").value = of.scale;
  if (of.sigma) $("sigma").value = of.sigma;
  $("limit").value = of.time_limit ?? "";
  refresh();
}

const from = () => document.querySelector("[name=from]:checked").value;

async function restore() {
  const number = await keep();
  const start = from() === "made" ? made()?.number ?? null : null;
  await say("/api/errands", {
    what: "restore", picture: info.number, page, mask: number, start, wishes: wishes(),
  });
  $("saved").textContent = "";
  await poll();
  $("work").scrollIntoView({ block: "nearest" });
}

async function find() {
  const { number } = await say("/api/errands", { what: "find", picture: info.number, page });
  await poll();
  finding = number;
  refresh();
}
let finding = null;

async function take(errand) {
  finding = null;
  if (errand.found) {
    mask.take(await bytes(`/api/errands/${errand.number}/found`), true);
    compare(false);
    painted();
    view.draw();
  } else if (errand.state === "done") wrong("No dead pixels, scratches or dust were found.");
}

// ---- the work -----------------------------------------------------------------------------------

const restored = () => errands.filter((each) => each.what === "restore" && each.picture === info?.number);
const made = () => restored().filter((each) => each.report).at(-1);
const ended = (errand) => !["waiting", "working"].includes(errand.state);

let timer = null, polling = null;

// Asks how all stands; while one asks, others wait for its answer.
function poll() {
  clearTimeout(timer);
  polling ??= look().finally(() => {
    polling = null;
    timer = setTimeout(poll, errands.some((each) => !ended(each)) ? 500 : 4000);
  });
  return polling;
}

let gone = false;

async function look() {
  try {
    const desk = await get("/api/desk");
    errands = desk.errands;
    const shown = $("pictures");
    if (shown.options.length !== desk.pictures.length) {
      shown.replaceChildren(...desk.pictures.map((each) => new Option(each.name, each.number)));
      if (info) shown.value = info.number;
    }
    shown.hidden = !desk.pictures.length;
    if (gone) wrong("");
    gone = false;
    refresh();
    await follow();
    return desk;
  } catch (error) {
    gone = error instanceof Gone;
    wrong(error);
    return null;
  }
}

// Shows what has become of the errands of this picture.
async function follow() {
  const found = errands.find((each) => each.number === finding);
  if (found && ended(found)) await take(found);
  const last = restored().at(-1), done = made();
  if (!last) return;
  const kind = !ended(last) && last.previews ? "preview" : done ? "made" : "";
  const of = kind === "preview" ? last : done;
  const key = kind && `${kind} ${of.number} ${kind === "preview" ? of.previews : ""} ${page}`;
  if (!key || key === seenOf) return;
  const first = !seenOf || kind === "made";
  seenOf = key;
  const now = info;
  try {
    const about = await seen(kind, of.number);
    const next = await layer(kind, of.number, about).ready();
    if (now !== info) return;
    layers.made = kind === "made" ? next : layers.made;
    view.after = next;
    if (first) compare(true); else view.draw();
    refresh();
  } catch (error) {
    seenOf = ""; // a preview that is gone: the result is next
    if (kind === "made") throw error;
  }
}

function compare(on) {
  view.comparing = on && Boolean(view.after);
  view.pointer = null;
  $("to-paint").ariaPressed = String(!view.comparing);
  $("to-compare").ariaPressed = String(view.comparing);
  for (const id of ["names", "divider"]) $(id).hidden = !view.comparing;
  $("canvas").style.cursor = view.comparing ? "ew-resize" : "";
  if (!view.comparing) {
    tool(hands.tool);
    if (info) view.show(from() === "made" && layers.made ? layers.made : layers.original, mask);
  } else view.show(layers.original, mask);
}

function split(at) {
  view.split = at;
  $("divider").value = Math.round(at * 1000);
  view.draw();
}

// ---- what all parts of the page say -------------------------------------------------------------

function time(seconds) {
  const long = seconds >= 90, number = long ? Math.round(seconds / 60) : Math.ceil(seconds);
  return `${number} ${long ? "minute" : "second"}${number === 1 ? "" : "s"}`;
}

function refresh() {
  const count = mask ? mask.count() : 0, task = $("task").value;
  const last = restored().at(-1), done = made(), busy = last && !ended(last);
  const looking = errands.find((each) => each.number === finding && !ended(each));
  $("undo").disabled = !mask?.done.length;
  $("redo").disabled = !mask?.undone.length;
  for (const id of ["invert", "clear", "find"]) $(id).disabled = !mask;
  $("find").disabled ||= Boolean(looking);
  $("find").textContent = looking ? "Looking for scratches and dust…" : "Find scratches and dust";
  const share = mask && count / (mask.width * mask.height);
  const percent = share >= 0.001 ? `, ${(100 * share).toFixed(1)} %` : "";
  $("marked").textContent = count ? `${count.toLocaleString("en")} pixels are painted${percent}.`
    + (info.pages > 1 ? " They are the same on all pages." : "") : "";
  $("of-strength").hidden = !["auto", "denoise", "dejpeg"].includes(task);
  $("of-scale").hidden = task !== "superresolve";
  $("of-sigma").hidden = task !== "deblur";
  $("strength-said").value = `${+(2 ** Number($("strength").value)).toFixed(2)}×`;
  $("advice").textContent = advice(count, task);
  const same = layers.made && layers.made.info.width === info.width && layers.made.info.height === info.height;
  $("from").hidden = !same;
  $("restore").disabled = !info || busy || (task === "inpaint" && !count);
  $("to-compare").disabled = !view.after;
  $("work").hidden = !busy;
  if (busy) working(last);
  const fresh = $("result").hidden && done && !busy;
  $("result").hidden = !done || busy;
  if (done && !busy) result(done);
  if (fresh) $("result").scrollIntoView({ block: "nearest" });
  if (last?.state === "failed" && failed !== last.number) {
    failed = last.number;
    wrong(last.error);
  }
  const waiting = errands.filter((each) => !ended(each) && each.what !== "look");
  $("line").hidden = waiting.length < 2 && (!waiting.length || busy);
  lineUp(waiting);
}
let failed = -1;

function advice(count, task) {
  const looked = errands.filter((each) => each.what === "look" && each.picture === info?.number && each.page === page).at(-1);
  if (!looked) return "";
  if (!ended(looked)) return "Looking at the picture…";
  if (!looked.advice) return looked.error ?? "";
  const [would, why] = looked.advice[count ? "painted" : "plain"];
  if (task === "inpaint" && !count) return "Paint first what is broken.";
  return `${task === "auto" ? "It will" : "The tool would"} ${WORDS[would]}: ${why}.`;
}

function working(errand) {
  const before = errands.filter((each) => each.number < errand.number && !ended(each) && each.what !== "look").length;
  const parts = errand.state === "waiting"
    ? [before ? `Waits for ${before} before it` : "Waits for the tool to be ready"]
    : errand.stopping ? ["Stopping: the best so far is put together"]
      : errand.share ? [`${Math.floor(100 * errand.share)} %`, ...(errand.left === null ? [] : [`${time(errand.left)} left`])]
        : ["Looking at the picture"];
  $("progress").textContent = parts.join(" · ");
  const tenth = `${Math.floor(10 * errand.share)}0 %`;
  if (errand.state === "working" && $("live").textContent !== tenth) $("live").textContent = tenth;
  if (errand.share) $("bar").value = errand.share; else $("bar").removeAttribute("value");
  $("stop").textContent = errand.state === "waiting" ? "Leave the line" : "Stop and keep the best";
  $("stop").disabled = errand.stopping;
}

function result(errand) {
  const last = errand.report.pages.at(-1);
  const did = WORDS[last.task][0].toUpperCase() + WORDS[last.task].slice(1);
  const notes = errand.notes.length ? ` ${errand.notes.map((note) => `${note}.`).join(" ")}` : "";
  $("told").textContent = `${did} (${last.reason}), ${time(errand.report.seconds)}. `
    + `${ENDED[last.ended]}${notes}`;
}

let lined = "";

function lineUp(waiting) {
  const now = JSON.stringify(waiting.map((each) => [each.number, each.state, Math.floor(100 * each.share), each.stopping]));
  if (now === lined) return; // a button that is replaced would lose the focus
  lined = now;
  $("errands").replaceChildren(...waiting.map((each) => {
    const item = document.createElement("li"), what = each.what === "find" ? "finding scratches" : "restoring";
    item.textContent = `${each.name}: ${each.state === "waiting" ? "waits" : `${what} ${Math.floor(100 * each.share)} %`}`;
    if (each.state === "waiting") {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Remove";
      button.ariaLabel = `Remove ${each.name} from the line`;
      button.onclick = told(async () => { await say(`/api/errands/${each.number}/stop`); await poll(); });
      item.append(button);
    }
    return item;
  }));
}

// ---- saving -------------------------------------------------------------------------------------

async function save(form, address, name, out) {
  const button = form.querySelector("button"), replace = taken === form;
  try {
    const { saved } = await say(address, { name, replace });
    out.textContent = `Saved as ${saved}.`;
    ask(form, false);
  } catch (error) {
    if (error.status !== 409) throw error;
    ask(form, true);
    out.textContent = error.message;
    button.focus();
  }
}

function ask(form, replace) {
  taken = replace ? form : null;
  form.querySelector("button").textContent = replace ? "Replace" : "Save";
}

// ---- all that can be pressed --------------------------------------------------------------------

const on = (id, name, act) => $(id).addEventListener(name, told(async (event) => act(event)));

on("pictures", "change", (event) => open(event.target.value));
on("page", "change", (event) => { page = Number(event.target.value); return open(info.number); });
for (const id of ["open", "open-here"]) on(id, "click", () => $("file").click());
on("file", "change", async ({ target }) => { const files = [...target.files]; target.value = ""; await receive(files); });
for (const name of ["brush", "eraser", "hand"]) on(name, "click", () => { compare(false); tool(name); });
on("size", "input", size);
on("undo", "click", () => change(() => mask.undo()));
on("redo", "click", () => change(() => mask.redo()));
on("invert", "click", () => change(() => mask.invert()));
on("clear", "click", () => change(() => mask.clear()));
on("find", "click", find);
on("load-mask", "click", () => $("mask-file").click());
on("mask-file", "change", async ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (!file || !info) return;
  const { mask: number, said } = await send(`/api/pictures/${info.number}/masks`, file);
  change(() => false);
  mask.take(await bytes(`/api/masks/${number}`), false);
  painted();
  view.draw();
  $("mask-said").textContent = said.join(" ");
});
on("save-mask", "submit", async (event) => {
  event.preventDefault();
  const number = await keep();
  if (number === null) throw new Error("Nothing is painted that could be saved.");
  await save($("save-mask"), `/api/pictures/${info.number}/masks/${number}/save`, $("mask-name").value, $("mask-said"));
});
on("save", "submit", async (event) => {
  event.preventDefault();
  await save($("save"), `/api/errands/${made().number}/save`, $("name").value, $("saved"));
});
for (const [id, form] of [["name", "save"], ["mask-name", "save-mask"]]) on(id, "input", () => ask($(form), false));
for (const id of ["task", "scale", "sigma", "limit"]) on(id, "change", refresh);
on("strength", "input", refresh);
for (const choice of document.querySelectorAll("[name=from]")) {
  choice.addEventListener("change", () => change(() => from() === "made" && mask.clear()));
}
on("restore", "click", restore);
on("stop", "click", async () => { await say(`/api/errands/${restored().at(-1).number}/stop`); await poll(); });
on("to-paint", "click", () => compare(false));
on("to-compare", "click", () => compare(true));
on("divider", "input", (event) => split(event.target.value / 1000));
on("in", "click", () => view.zoom(view.scale * 1.5));
on("out", "click", () => view.zoom(view.scale / 1.5));
on("fit", "click", () => view.fit());
on("whole", "click", () => view.zoom(1));

const KEYS = {
  b: () => $("brush").click(), e: () => $("eraser").click(), h: () => $("hand").click(),
  "[": () => { $("size").value -= 4; size(); }, "]": () => { $("size").value -= -4; size(); },
  "+": () => $("in").click(), "=": () => $("in").click(), "-": () => $("out").click(),
  0: () => view.fit(), 1: () => view.zoom(1), c: () => compare(!view.comparing),
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("select, input:not([type=range], [type=radio])");
  if (typing || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    const again = event.key === "y" || (event.shiftKey && event.key.toLowerCase() === "z");
    if (again) $("redo").click(); else if (event.key === "z") $("undo").click(); else return;
  } else if (info && KEYS[event.key.toLowerCase()]) KEYS[event.key.toLowerCase()]();
  else return;
  event.preventDefault();
});
let over = 0;
for (const [name, by] of [["dragenter", 1], ["dragleave", -1]]) {
  document.addEventListener(name, () => document.body.classList.toggle("dropping", (over += by) > 0));
}
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", told(async (event) => {
  event.preventDefault();
  over = 0;
  document.body.classList.remove("dropping");
  await receive([...event.dataTransfer.files]);
}));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view.draw());

await told(async () => {
  tool("brush");
  size();
  const desk = await poll();
  if (!desk) return;
  const asked = location.hash.slice(1);
  history.replaceState(null, "", `/${location.hash}`); // the token is in the cookie now
  if (desk.pictures.length) {
    await open(desk.pictures.some((each) => each.number === asked) ? asked : desk.pictures[0].number);
  }
})();
