// What all parts of the page know of, and how they say what went wrong.

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

export function wrong(error) {
  $("wrong").textContent = error?.message ?? error ?? "";
  $("wrong").hidden = !error;
  if (error) $("wrong").scrollIntoView({ block: "nearest" });
}

// Makes of work that can fail a function that says so.
export const told = (work) => async (...given) => {
  try { wrong(""); await work(...given); } catch (error) { wrong(error); }
};
