// Which errands there are, and how they stand.

import { desk } from "./state.js";

export const finding = new Set(); // what was asked for here, of any picture, and is not painted yet

export const ended = (errand) => !["waiting", "working"].includes(errand.state);

const ofPicture = (what) =>
  desk.errands.filter((each) => each.what === what && each.picture === desk.info?.number);

export const restored = () => ofPicture("restore");
export const made = () => restored().filter((each) => each.report).at(-1);
export const sought = () => ofPicture("find").filter((each) => finding.has(each.number));
export const looked = () => ofPicture("look").filter((each) => each.page === desk.page).at(-1);

// What the tool would do and why, where `count` pixels are painted: [task, reason], if it has looked.
export const advised = (count) => looked()?.advice?.[count ? "painted" : "plain"];

// All that somebody waits for; a look is short.
export const unended = () => desk.errands.filter((each) => !ended(each) && each.what !== "look");
