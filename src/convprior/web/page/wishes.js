// What is to be done, as it is chosen: the settings of the command that the page has.

import { $ } from "./state.js";

const NOISY = ["auto", "denoise", "dejpeg"];
const CHOICES = ["task", "strength", "scale", "sigma", "limit"];

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

const kept = new Map(); // by the number of a picture that was open: what was chosen of it

// Keeps what is chosen of a picture for when it is opened again.
export function keepWishes(number) {
  kept.set(number, CHOICES.map((id) => $(id).value));
}

// Takes what was chosen of a picture, or asked for, or nothing: the tool is to choose then.
export function wish(number, asked = {}) {
  const { task = "auto", strength = 1, scale, sigma, time_limit: limit } = asked;
  const values = kept.get(number) ?? [task, Math.log2(strength), scale ?? 2, sigma ?? 1.5, limit ?? ""];
  CHOICES.forEach((id, k) => { $(id).value = values[k]; });
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
