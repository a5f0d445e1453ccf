// Which picture is open, and which of its pages.

import { looked, restored } from "./errands.js";
import { Mask } from "./mask.js";
import { change, compare, keep, lay, size } from "./painting.js";
import { refresh } from "./refresh.js";
import { $, desk } from "./state.js";
import { bytes, get, say, send } from "./talk.js";
import { keepWishes, wish } from "./wishes.js";
import { forget, layer, poll } from "./work.js";

let turn = 0;

// Says that something is opened, until it is, or something else is.
async function opening(name, work) {
  const mine = ++turn;
  $("opening").textContent = `Opening ${name}…`;
  $("opening").hidden = false;
  refresh();
  try {
    return await work();
  } finally {
    if (mine === turn) $("opening").hidden = true;
    refresh();
  }
}

// Opens a page of a picture; one that is chosen while this one is read comes first.
export async function open(number, page = 0) {
  const name = [...$("pictures").options].find((each) => each.value === number).text;
  const reading = opening(name, () => read(number, page)), mine = turn;
  const { info, mask } = await reading;
  if (mine !== turn) return;
  if (desk.info) keepWishes(desk.info.number);
  Object.assign(desk, { info, page });
  desk.layers = { original: layer("picture", number, info) };
  lay(mask, info.mask);
  forget();
  show();
  await poll();
  if (mine !== turn) return;
  if (!looked()) await say("/api/errands", { what: "look", picture: number, page });
  await poll();
}

async function read(number, page) {
  await keep().catch(() => {}); // what the server refuses cannot be used either
  const info = { ...await get(`/api/pictures/${number}`), ...await get(`/api/seen/picture/${number}/${page}`) };
  const mask = new Mask(info.width, info.height);
  if (info.mask !== null) mask.take(await bytes(`/api/masks/${info.mask}`), false);
  mask.done = [];
  return { info, mask };
}

// Shows what has just been opened.
function show() {
  const { info, page } = desk;
  history.replaceState(null, "", `/#${info.number}`);
  $("empty").hidden = true;
  $("pictures").value = info.number;
  $("page-of").hidden = info.pages < 2;
  $("page").replaceChildren(...Array.from({ length: info.pages }, (_, k) => new Option(k + 1, k)));
  $("page").value = page;
  $("name").value = info.target;
  $("mask-name").value = info.mask_target;
  for (const id of ["saved", "mask-said"]) $(id).textContent = "";
  wish(info.number, restored().at(-1)?.wishes);
  document.querySelector('[name=from][value="original"]').checked = true;
  compare(false);
  size();
  refresh();
}

export async function receive(files) {
  for (const file of files) {
    const address = `/api/pictures?name=${encodeURIComponent(file.name)}`;
    const { number } = await opening(file.name, () => send(address, file));
    await poll();
    await open(number);
  }
}

// Takes a mask's file as what is painted.
export async function receiveMask(file) {
  const { mask: number, said } = await send(`/api/pictures/${desk.info.number}/masks`, file);
  const bits = await bytes(`/api/masks/${number}`);
  change((mask) => mask.take(bits, false));
  $("mask-said").textContent = said.join(" ");
}
