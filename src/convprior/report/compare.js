// The page of `convprior compare`: its pictures are zoomed and moved together, with the slider, by
// their difference, and with or without what a mask marks.
const frames = [...document.querySelectorAll(".frame")];
const body = document.body;
let zoom = null; // the screen's pixels for one of the picture's; null: as large as there is room for

function size(frame) {
  const { width, height } = frame.dataset;
  const room = Math.min(frame.clientWidth / width, 0.8 * innerHeight / height);
  return zoom === null ? room : zoom / devicePixelRatio;
}

const put = new Map(); // where a frame was moved to, by which it is known that nobody else moved it

// Moves the other pictures so that their middle is what one has in its middle.
function follow(frame) {
  const across = (frame.scrollLeft + frame.clientWidth / 2) / frame.scrollWidth;
  const down = (frame.scrollTop + frame.clientHeight / 2) / frame.scrollHeight;
  for (const other of frames) {
    if (other === frame) continue;
    other.scrollTo(across * other.scrollWidth - other.clientWidth / 2,
      down * other.scrollHeight - other.clientHeight / 2);
    put.set(other, `${other.scrollLeft} ${other.scrollTop}`); // a small one does not go so far
  }
}

// Zooms all pictures; a point of a frame, in shares of its sides, shows what it has shown.
function scale(to, frame = frames[0], x = 0.5, y = 0.5) {
  const pair = frame.querySelector(".pair");
  const box = pair.getBoundingClientRect(), around = frame.getBoundingClientRect();
  const across = (x * frame.clientWidth + around.left - box.left) / box.width;
  const down = (y * frame.clientHeight + around.top - box.top) / box.height;
  zoom = to === null ? null : Math.min(Math.max(to, 0.02), 32);
  for (const each of frames) {
    each.querySelector(".pair").style.width = `${size(each) * each.dataset.width}px`;
    each.classList.toggle("large",
      each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight);
  }
  frame.scrollTo(across * pair.offsetWidth - x * frame.clientWidth,
    down * pair.offsetHeight - y * frame.clientHeight);
  follow(frame);
  body.classList.toggle("pixels", now() >= 2);
  document.getElementById("zoom").value = `${Math.round(100 * now())} %`;
}

const now = () => size(frames[0]) * devicePixelRatio;

function toggle(name) {
  const button = document.getElementById(name);
  if (button) button.ariaPressed = String(body.classList.toggle(name));
}

const ACTS = {
  "+": () => scale(now() * 1.5), "-": () => scale(now() / 1.5),
  0: () => scale(null), 1: () => scale(1),
  d: () => toggle("difference"), m: () => toggle("mask"),
};
for (const button of document.querySelectorAll("button")) {
  button.addEventListener("click", ACTS[button.dataset.key]);
}
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !ACTS[event.key]) return;
  event.preventDefault();
  ACTS[event.key]();
});
for (const frame of frames) {
  frame.addEventListener("scroll", () => {
    if (put.get(frame) !== `${frame.scrollLeft} ${frame.scrollTop}`) follow(frame);
  });
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // it scrolls
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    scale(now() * Math.exp(-event.deltaY * 0.005), frame,
      (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }, { passive: false });
}
addEventListener("resize", () => { if (zoom === null) scale(null); });
scale(null);
