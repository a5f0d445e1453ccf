// What is to be done, as it is chosen: the settings of the command that the page has.

import { $ } from "./state.js";

const NOISY = ["auto", "denoise", "dejpeg"];

export function wishes() {
  const task = $("task").value, strength = 2 ** Number($("strength").value);
  return {
    task,
    ...(!$("of-strength").hidden && strength !== 1 ? { strength } : {}),
    ...(task === "superresolve" ? { scale: Number($("scale").value) } : {}),
    ...(task === "deblur" ? { sigma: Number($("sigma").value) } : {}),
    ...($("limit").value ? { time_limit: Number($("limit").value) } : {}),
  };
}

export function wish(of) {
  $("task").value = of.task;
  $("strength").value = Math.log2(of.strength);
  if (of.scale) $("scale").value = of.scale;
  if (of.sigma) $("sigma").value = of.sigma;
  $("limit").value = of.time_limit ?? "";
}

// Shows the settings that the task has; the tool would choose `would`, if that is known.
export function refreshWishes(would) {
  const task = $("task").value;
  $("of-strength").hidden = !NOISY.includes(task === "auto" ? would ?? task : task);
  $("of-scale").hidden = task !== "superresolve";
  $("of-sigma").hidden = task !== "deblur";
  $("strength-said").value = `${+(2 ** Number($("strength").value)).toFixed(2)}×`;
}

// What to start from: the original, or what was made of it.
export const from = () => document.querySelector("[name=from]:checked").value;
