// What all parts of the page know of, and how they say what happened.

import { View } from "./view.js";

export const $ = (id) => document.getElementById(id);

export const view = new View($("canvas"), () => {
  $("zoom").value = `${Math.round(view.scale * 100)} %`;
});

export const desk = {
  info: null, // of the picture that is open
  page: 0, // of its pages
  mask: null, // what is painted on it
  layers: {}, // original, made: what is seen of it
  errands: [], // of all pictures, the oldest first
  folder: "", // where all is saved
};

// Says what went wrong, or takes back what was said so.
export function wrong(error) {
  notice("wrong", error?.message ?? error);
}

// Says what came of something that went well.
export function news(words) {
  notice("news", words);
}

function notice(id, words) {
  $(id).textContent = words ?? "";
  $(id).hidden = !words;
  if (words) $(id).scrollIntoView({ block: "nearest" });
}

// Makes of work that can fail a function that says so.
export const told = (work) => async (...given) => {
  try { wrong(""); news(""); await work(...given); } catch (error) { wrong(error); }
};
