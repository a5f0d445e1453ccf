// What the page says of the picture and of the work, in words.

import { advised, ended, looked, unended } from "./errands.js";

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

const upper = (text) => text[0].toUpperCase() + text.slice(1);
const percent = (share) => `${Math.floor(100 * share)} %`;

function time(seconds) {
  const long = seconds >= 90, number = long ? Math.round(seconds / 60) : Math.ceil(seconds);
  return `${number} ${long ? "minute" : "second"}${number === 1 ? "" : "s"}`;
}

// What is painted: `count` pixels.
export function painted(count, { width, height, pages }) {
  if (!count) return "";
  const share = count / (width * height);
  return `${count.toLocaleString("en")} pixels are painted`
    + (share >= 0.001 ? `, ${(100 * share).toFixed(1)} %.` : ".")
    + (pages > 1 ? " They are the same on all pages." : "");
}

// What the tool would do and why, where `count` pixels are painted and `task` is chosen.
export function advice(count, task) {
  const look = looked();
  if (!look) return "";
  const before = unended().find((each) => each.state === "working");
  if (look.state === "waiting" && before) return `It is looked at when ${before.name} is done.`;
  if (!ended(look)) return "Looking at the picture…";
  if (!look.advice) return look.error ?? "";
  const [would, why] = advised(count);
  if (task === "inpaint" && !count) return "Paint first what is broken, a little beyond its edges.";
  return `${task === "auto" ? "It will" : "The tool would"} ${WORDS[would]}: ${why}.`;
}

// How far an errand is that has not ended.
export function progress(errand) {
  if (errand.state === "waiting") {
    const before = unended().filter((each) => each.number < errand.number).length;
    return before ? `Waits for ${before} before it` : "Waits for the tool to be ready";
  }
  if (errand.stopping) return "Stopping: the best so far is put together";
  if (!errand.share) return "Looking at the picture";
  const left = errand.left === null ? "how long is not known yet" : `${time(errand.left)} left`;
  return `${percent(errand.share)} · ${left}`;
}

// What was done and why, and how it ended.
export function result(errand) {
  const last = errand.report.pages.at(-1);
  const notes = errand.notes.map((note) => `${note.startsWith(errand.name) ? note : upper(note)}.`);
  const said = [ENDED[last.ended], ...notes];
  return `${upper(WORDS[last.task])} (${last.reason}), ${time(errand.report.seconds)}. ${said.join(" ")}`;
}

// How an errand stands in the line.
export function place(errand) {
  const does = errand.what === "find" ? "finding scratches" : `restoring ${percent(errand.share)}`;
  return `${errand.name}: ${errand.state === "waiting" ? "waits" : does}`;
}
