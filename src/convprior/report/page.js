for (const chart of document.querySelectorAll(".chart")) {
  const specification = JSON.parse(chart.querySelector("script").textContent);
  vegaEmbed(chart, specification, {actions: false, renderer: "svg"});
}
for (const film of document.querySelectorAll(".film")) {
  const rows = [...film.querySelectorAll(".frames")].map(frames => [...frames.children]);
  const slider = document.createElement("input");
  slider.type = "range";
  slider.max = rows[0].length - 1;
  slider.value = film.dataset.first;
  slider.setAttribute("aria-label", "step");
  const show = () => {
    for (const frames of rows)
      frames.forEach((frame, number) => frame.classList.toggle("off", number != slider.value));
    slider.setAttribute("aria-valuetext", rows.map(row => row[slider.value].innerText).join("; "));
  };
  slider.addEventListener("input", show);
  film.before(slider);
  show();
}
// The pictures are there already: a script lays one over the other, on paper they lie side by side.
for (const strip of document.querySelectorAll(".strip[data-slider]")) {
  const pair = document.createElement("div"), input = document.createElement("input");
  pair.className = "pair";
  const [over, , under] = strip.querySelectorAll("img");
  for (const [image, name] of [[under, "restored"], [over, "observed"]]) {
    const copy = image.cloneNode();
    copy.className = name;
    pair.append(copy);
  }
  Object.assign(input, { type: "range", min: 0, max: 100, step: 0.5, value: 50 });
  input.ariaLabel = "percent of the width that shows the observed picture";
  pair.append(input);
  strip.after(pair);
}
// Paper cannot be opened: what is closed is open while the page is printed.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const part of closed) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of closed) part.open = false;
});
