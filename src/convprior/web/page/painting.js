// What is painted: the tools, and that the server has it.

import { Hands } from "./hands.js";
import { refresh } from "./refresh.js";
import { $, desk, view } from "./state.js";
import { send } from "./talk.js";
import { from } from "./wishes.js";

const SAVE_AFTER = 1200; // ms after a stroke, what is painted goes to the server

let saving = null; // the timer
let sent = null; // the number that the server has given to what is painted, undefined if it has not
let version = 0; // of what is painted

const hands = new Hands(view, painted, (at) => split(Math.min(Math.max(at, 0), 1)));

export function painted() {
  sent = undefined;
  version++;
  clearTimeout(saving);
  saving = setTimeout(() => keep().catch(() => {}), SAVE_AFTER); // said when it is used
  refresh();
}

// Returns the number under which the server has what is painted, null if nothing is.
export async function keep() {
  clearTimeout(saving);
  const { mask, info } = desk, now = version;
  if (!mask || sent !== undefined) return sent;
  const body = mask.count() ? await mask.png() : null;
  const answer = await send(`/api/pictures/${info.number}/masks`, body);
  if (now === version) sent = answer.mask;
  return answer.mask;
}

// Takes what the server has under a number as what is painted.
export function lay(mask, number) {
  clearTimeout(saving);
  desk.mask = mask;
  sent = number;
  version++;
}

export function size() {
  const most = Math.max(64, Math.max(desk.info?.width ?? 0, desk.info?.height ?? 0) / 6);
  view.brush = Math.max(1, Math.round(most ** ($("size").value / 100)));
  $("size-said").value = `${view.brush} px`;
  view.draw();
}

// Shows how large the brush is, in the middle of what is in sight if it is nowhere.
export function resize() {
  size();
  view.sample();
}

export function tool(name) {
  hands.tool = name;
  for (const id of ["brush", "eraser", "hand"]) $(id).ariaPressed = String(id === name);
  $("canvas").style.cursor = { brush: "crosshair", eraser: "crosshair", hand: "grab" }[name];
}

// Does something that may change what is painted.
export function change(act) {
  if (!desk.mask) return;
  compare(false);
  if (act(desk.mask)) { painted(); view.draw(); }
}

export function compare(on) {
  const { info, layers, mask } = desk;
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

export function split(at) {
  view.split = at;
  $("divider").value = Math.round(at * 1000);
  view.draw();
}
