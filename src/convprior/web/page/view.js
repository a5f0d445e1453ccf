// The picture on a canvas: tiles at the scale that is looked at, what is painted above them, or
// what came on the left of a line and what was made of it on the right. All in device pixels.

import { Overlay } from "./overlay.js";
import { picture } from "./talk.js";

const MOST_TILES = 300; // of a layer, 1 MB each
const LARGEST = 32; // device pixels for one of the picture

// One thing to be seen at one of its scales: a picture, what was made of it, a preview.
export class Layer {
  constructor(kind, number, page, info, arrived) {
    Object.assign(this, { info, arrived });
    this.address = `/tiles/${kind}/${number}/${page}`;
    this.tiles = new Map();
  }

  // Ends when there is something to show: until then what was there before it stays.
  async ready() {
    const { levels, stamp } = this.info, key = `${levels - 1}/0/0`;
    this.tiles.set(key, { image: await picture(`${this.address}/${key}?${stamp}`) });
    return this;
  }

  #tile(level, column, row, wanted) {
    const key = `${level}/${column}/${row}`;
    let tile = this.tiles.get(key);
    if (tile) { // the one used last is the last to go
      this.tiles.delete(key);
      this.tiles.set(key, tile);
    } else if (wanted) {
      tile = {};
      this.tiles.set(key, tile);
      picture(`${this.address}/${key}?${this.info.stamp}`)
        .then((image) => { tile.image = image; this.arrived(); })
        .catch(() => this.tiles.delete(key)); // a preview that is gone; others say it better
      for (const old of this.tiles.keys()) {
        if (this.tiles.size <= MOST_TILES) break;
        this.tiles.get(old).image?.close();
        this.tiles.delete(old);
      }
    }
    return tile?.image;
  }

  // Draws what lies in the canvas: its pixel (0, 0) at (left, top), each `scale` wide.
  draw(pen, left, top, scale) {
    const { width, height, levels, tile: side } = this.info;
    const level = Math.min(Math.max(Math.floor(Math.log2(1 / scale) + 0.01), 0), levels - 1);
    const step = 2 ** level * side;
    pen.imageSmoothingEnabled = scale < 2;
    this.#tile(levels - 1, 0, 0, true); // there is always something to show
    const columns = [Math.max(Math.floor(-left / scale / step), 0),
      Math.min(Math.ceil((pen.canvas.width - left) / scale / step), Math.ceil(width / step))];
    const rows = [Math.max(Math.floor(-top / scale / step), 0),
      Math.min(Math.ceil((pen.canvas.height - top) / scale / step), Math.ceil(height / step))];
    for (let row = rows[0]; row < rows[1]; row++) {
      for (let column = columns[0]; column < columns[1]; column++) {
        this.#drawTile(pen, left, top, scale, level, column, row);
      }
    }
  }

  #drawTile(pen, left, top, scale, level, column, row) {
    const { width, height, levels, tile: side } = this.info;
    const step = 2 ** level * side;
    const x = column * step, y = row * step;
    const across = Math.min(step, width - x), down = Math.min(step, height - y);
    const at = [x, y, x + across, y + down].map((value, k) =>
      Math.round((k % 2 ? top : left) + value * scale));
    for (let coarser = level; coarser < levels; coarser++) { // until one is there already
      const by = 2 ** (coarser - level);
      const image = this.#tile(coarser, Math.floor(column / by), Math.floor(row / by), coarser === level);
      if (!image) continue;
      const pixel = 2 ** coarser, start = pixel * side;
      pen.drawImage(image, (x % start) / pixel, (y % start) / pixel, across / pixel, down / pixel,
        at[0], at[1], at[2] - at[0], at[3] - at[1]);
      return;
    }
  }
}

export class View {
  constructor(canvas, changed) {
    Object.assign(this, { canvas, changed, pen: canvas.getContext("2d") });
    Object.assign(this, { before: null, after: null, mask: null, comparing: false, split: 0.5 });
    Object.assign(this, { scale: 1, left: 0, top: 0, fitted: true });
    Object.assign(this, { brush: 20, pointer: null, overlay: null });
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  show(before, mask) {
    const same = this.before && this.before.info.width === before.info.width
      && this.before.info.height === before.info.height;
    this.before = before;
    if (mask !== this.mask) { this.mask = mask; this.overlay = new Overlay(mask); }
    if (!same) this.fit(); else this.draw();
  }

  #resize() {
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    if (this.fitted) this.fit(); else this.draw();
  }

  fit() {
    if (!this.before || !this.canvas.width) return;
    const { width, height } = this.before.info, room = 0.96;
    const scale = Math.min(this.canvas.width * room / width, this.canvas.height * room / height, 8);
    this.scale = scale;
    this.left = (this.canvas.width - width * scale) / 2;
    this.top = (this.canvas.height - height * scale) / 2;
    this.fitted = true;
    this.draw();
  }

  // Zooms to a scale in device pixels, with a point of the canvas staying where it is.
  zoom(scale, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    if (!this.before) return;
    const { width, height } = this.before.info;
    const least = Math.min(0.5 * Math.min(this.canvas.width / width, this.canvas.height / height), 1);
    scale = Math.min(Math.max(scale, least), LARGEST);
    this.left = x - (x - this.left) * scale / this.scale;
    this.top = y - (y - this.top) * scale / this.scale;
    this.scale = scale;
    this.move(0, 0);
  }

  // Moves the picture by device pixels; some of it always stays in sight.
  move(dx, dy) {
    if (!this.before) return;
    const keep = 60 * window.devicePixelRatio, { width, height } = this.before.info;
    this.left = Math.min(Math.max(this.left + dx, keep - width * this.scale), this.canvas.width - keep);
    this.top = Math.min(Math.max(this.top + dy, keep - height * this.scale), this.canvas.height - keep);
    this.fitted = false;
    this.draw();
  }

  // Shows the brush for a moment where there is none, as with fingers.
  sample() {
    if (this.pointer && this.pointer !== this.sampled) return;
    this.sampled = this.pointer = this.at(this.canvas.width / 2, this.canvas.height / 2);
    clearTimeout(this.ending);
    this.ending = setTimeout(() => {
      if (this.pointer === this.sampled) { this.pointer = null; this.draw(); }
    }, 1000);
    this.draw();
  }

  // Returns the point of the picture under a point of the canvas, both from its upper left.
  at(x, y) { return [(x - this.left) / this.scale, (y - this.top) / this.scale]; }

  draw() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => { this.due = false; this.#draw(); });
  }

  #draw() {
    const { pen, canvas, left, top, scale } = this;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.before) return;
    const { width, height } = this.before.info;
    pen.fillStyle = getComputedStyle(canvas).getPropertyValue("--check"); // under what is transparent
    pen.fillRect(left, top, width * scale, height * scale);
    const line = Math.round(this.split * canvas.width);
    if (this.comparing && this.after) {
      this.#within(0, line, () => this.before.draw(pen, left, top, scale));
      const larger = this.after.info.width / width;
      this.#within(line, canvas.width, () => this.after.draw(pen, left, top, scale / larger));
      this.#drawLine(line);
    } else {
      this.before.draw(pen, left, top, scale);
      this.overlay.draw(pen, left, top, scale);
      this.#drawBrush();
    }
    this.changed();
  }

  #within(from, to, draw) {
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(from, 0, to - from, this.canvas.height);
    this.pen.clip();
    draw();
    this.pen.restore();
  }

  #drawLine(x) {
    const { pen, canvas } = this, ratio = window.devicePixelRatio;
    pen.fillStyle = "#000a";
    pen.fillRect(x - 2 * ratio, 0, 4 * ratio, canvas.height);
    pen.fillStyle = "#fff";
    pen.fillRect(x - ratio, 0, 2 * ratio, canvas.height);
    pen.beginPath();
    pen.arc(x, canvas.height / 2, 14 * ratio, 0, 7);
    pen.fill();
    pen.strokeStyle = "#0008";
    pen.lineWidth = ratio;
    pen.stroke();
    pen.fillStyle = "#333";
    for (const way of [-1, 1]) {
      pen.beginPath();
      pen.moveTo(x + way * 9 * ratio, canvas.height / 2);
      pen.lineTo(x + way * 4 * ratio, canvas.height / 2 - 5 * ratio);
      pen.lineTo(x + way * 4 * ratio, canvas.height / 2 + 5 * ratio);
      pen.fill();
    }
  }

  #drawBrush() {
    if (!this.pointer) return;
    const { pen } = this, ratio = window.devicePixelRatio;
    const x = this.left + this.pointer[0] * this.scale, y = this.top + this.pointer[1] * this.scale;
    const radius = Math.max(this.brush / 2 * this.scale, 2 * ratio);
    for (const [colour, wide] of [["#000b", 3], [this.down ? "#ff2d55" : "#fff", 1.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = wide * ratio;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      pen.stroke();
    }
  }
}
