// The slider: what was observed lies over what was restored, up to a line that follows the pointer
// and the arrow keys. Where a picture is larger than its frame, what is far from the line moves it.
const NEAR = 28; // CSS pixels

for (const pair of document.querySelectorAll(".pair")) {
  const input = pair.querySelector("input");
  let moved = null; // the frame that is moved, if it is not the line
  const show = () => pair.style.setProperty("--at", input.value + "%");
  const follow = (event) => {
    const box = pair.getBoundingClientRect();
    input.value = 100 * (event.clientX - box.left) / box.width;
    show();
  };
  input.addEventListener("input", show);
  pair.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    input.focus({ preventScroll: true });
    pair.setPointerCapture(event.pointerId);
    const box = pair.getBoundingClientRect();
    const far = Math.abs(event.clientX - box.left - input.value / 100 * box.width) > NEAR;
    moved = far ? pair.closest(".large") : null;
    if (!moved) follow(event);
  });
  pair.addEventListener("pointermove", (event) => {
    if (!pair.hasPointerCapture(event.pointerId)) return;
    if (moved) moved.scrollBy(-event.movementX, -event.movementY); else follow(event);
  });
  show();
}
