// All that can be pressed, typed and dropped, and the beginning.

import { restored } from "./errands.js";
import { open, receive, receiveMask } from "./opening.js";
import { change, compare, resize, size, split, tool } from "./painting.js";
import { refresh } from "./refresh.js";
import { ask, saveMade, saveMask } from "./saving.js";
import { $, desk, told, view } from "./state.js";
import { find, poll, restore, stop } from "./work.js";
import { from } from "./wishes.js";

const on = (id, name, act) => $(id).addEventListener(name, told(async (event) => act(event)));

on("pictures", "change", (event) => open(event.target.value));
on("page", "change", (event) => open(desk.info.number, Number(event.target.value)));
for (const id of ["open", "open-here"]) on(id, "click", () => $("file").click());
on("load-mask", "click", () => $("mask-file").click());
for (const [id, take] of [["file", receive], ["mask-file", ([file]) => file && desk.info && receiveMask(file)]]) {
  on(id, "change", ({ target }) => {
    const files = [...target.files];
    target.value = ""; // so that the same file can be chosen again
    return take(files);
  });
}
for (const name of ["brush", "eraser", "hand"]) on(name, "click", () => { compare(false); tool(name); });
on("size", "input", resize);
for (const name of ["undo", "redo", "invert", "clear"]) on(name, "click", () => change((mask) => mask[name]()));
on("widen", "click", () => change((mask) => mask.widen(2)));
on("find", "click", find);
for (const [form, name, save] of [["save", "name", saveMade], ["save-mask", "mask-name", saveMask]]) {
  on(form, "submit", (event) => { event.preventDefault(); return save(); });
  on(name, "input", () => ask($(form), false));
}
for (const id of ["task", "scale", "sigma", "limit"]) on(id, "change", refresh);
on("strength", "input", refresh);
for (const choice of document.querySelectorAll("[name=from]")) {
  choice.addEventListener("change", () => change((mask) => from() === "made" && mask.clear()));
}
on("restore", "click", restore);
on("stop", "click", () => stop(restored().at(-1).number));
on("errands", "click", ({ target }) => target.dataset.errand && stop(target.dataset.errand));
on("to-paint", "click", () => compare(false));
on("to-compare", "click", () => compare(true));
on("divider", "input", (event) => split(event.target.value / 1000));
on("in", "click", () => view.zoom(view.scale * 1.5));
on("out", "click", () => view.zoom(view.scale / 1.5));
on("fit", "click", () => view.fit());
on("whole", "click", () => view.zoom(1));

const KEYS = {
  b: () => $("brush").click(), e: () => $("eraser").click(), h: () => $("hand").click(),
  "[": () => { $("size").value -= 4; resize(); }, "]": () => { $("size").value -= -4; resize(); },
  "+": () => $("in").click(), "=": () => $("in").click(), "-": () => $("out").click(),
  0: () => view.fit(), 1: () => view.zoom(1), c: () => compare(!view.comparing),
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("select, input:not([type=range], [type=radio])");
  if (typing || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    const again = event.key === "y" || (event.shiftKey && event.key.toLowerCase() === "z");
    if (again) $("redo").click(); else if (event.key === "z") $("undo").click(); else return;
  } else if (desk.info && KEYS[event.key.toLowerCase()]) KEYS[event.key.toLowerCase()]();
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
  const now = await poll();
  if (!now) return;
  const asked = location.hash.slice(1);
  history.replaceState(null, "", `/${location.hash}`); // the token is in the cookie now
  if (now.pictures.length) {
    await open(now.pictures.some((each) => each.number === asked) ? asked : now.pictures[0].number);
  }
})();
