// What is painted, as it is seen: a tint, and an outline that is red within white, so that one of
// the two shows on any picture.

import { SIDE } from "./mask.js";

const TINT = 0x73552dff; // A B G R
const LINES = [["#fff", 3.5], ["#ff2d55", 1.75]]; // colour and width in CSS pixels

export class Overlay {
  constructor(mask) { Object.assign(this, { mask, cells: [], tints: [], outlines: [] }); }

  // Draws all that is in sight: the picture's pixel (0, 0) lies at (left, top), each `scale` wide.
  draw(pen, left, top, scale) {
    const { mask } = this, { canvas } = pen;
    // Where the picture is made smaller, a single pixel that is painted is made wider, to be seen.
    const step = scale < 1 ? 2 ** Math.min(Math.floor(Math.log2(2 / scale)), 6) : 1;
    const seen = [...mask.tiles.keys()].filter((at) => mask.tiles[at] !== 0).map((at) => {
      const [x, y] = this.#corner(at);
      return [at, ...[x, y, x + SIDE, y + SIDE].map((value, k) =>
        Math.round((k % 2 ? top : left) + value * scale))];
    }).filter(([, x0, y0, x1, y1]) => x1 >= 0 && y1 >= 0 && x0 <= canvas.width && y0 <= canvas.height);
    pen.save();
    pen.imageSmoothingEnabled = scale < 1;
    for (const [at, x0, y0, x1, y1] of seen) pen.drawImage(this.#tint(at, step), x0, y0, x1 - x0, y1 - y0);
    pen.setTransform(scale, 0, 0, scale, left, top);
    pen.lineCap = "square";
    for (const [colour, width] of LINES) {
      pen.strokeStyle = colour;
      pen.lineWidth = width * window.devicePixelRatio / scale;
      for (const [at] of seen) pen.stroke(this.#outline(at, step));
    }
    pen.restore();
  }

  #corner(at) {
    return [(at % this.mask.across) * SIDE, Math.floor(at / this.mask.across) * SIDE];
  }

  // Returns what is kept of a tile, or makes it anew when what it was made of has changed.
  #kept(kind, at, key, make) {
    if (kind[at]?.key !== key) kind[at] = { key, made: make() };
    return kind[at].made;
  }

  // A tile's bytes, one for each `step` pixels a side: 1 if any of them is painted.
  #cells(at, step) {
    const { mask } = this, side = SIDE / step;
    return this.#kept(this.cells, at, `${mask.version[at]} ${step}`, () => {
      const tile = mask.tiles[at], cells = new Uint8Array(side * side);
      const [left, top] = this.#corner(at);
      const width = Math.min(SIDE, mask.width - left), height = Math.min(SIDE, mask.height - top);
      if (tile !== 0) for (let y = 0; y < height; y++) {
        const to = Math.floor(y / step) * side;
        for (let x = 0; x < width; x++) {
          if (tile === 1 || tile[y * SIDE + x]) cells[to + Math.floor(x / step)] = 1;
        }
      }
      return cells;
    });
  }

  #tint(at, step) {
    return this.#kept(this.tints, at, `${this.mask.version[at]} ${step}`, () => {
      const side = SIDE / step, image = new ImageData(side, side);
      const pixels = new Uint32Array(image.data.buffer);
      this.#cells(at, step).forEach((cell, k) => { if (cell) pixels[k] = TINT; });
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      canvas.getContext("2d").putImageData(image, 0, 0);
      return canvas;
    });
  }

  // The edges of a tile's painted cells to those that are not, in pixels of the picture.
  #outline(at, step) {
    const { mask } = this, { across, down, version } = mask, side = SIDE / step;
    const column = at % across, row = Math.floor(at / across);
    const beside = [column > 0 && at - 1, column + 1 < across && at + 1, row > 0 && at - across,
      row + 1 < down && at + across];
    const key = [step, version[at], ...beside.map((other) => other !== false && version[other])].join();
    return this.#kept(this.outlines, at, key, () => {
      const own = this.#cells(at, step);
      const [left, right, above, below] = beside.map((other) => other === false ? [] : this.#cells(other, step));
      const painted = (x, y) => x < 0 ? left[y * side + side - 1] : x >= side ? right[y * side]
        : y < 0 ? above[(side - 1) * side + x] : y >= side ? below[x] : own[y * side + x];
      const [x0, y0] = this.#corner(at), path = new Path2D();
      const point = (along, aside, upright) => {
        const [x, y] = upright ? [aside, along] : [along, aside];
        return [Math.min(x0 + x * step, mask.width), Math.min(y0 + y * step, mask.height)];
      };
      for (const upright of [false, true]) for (const way of [-1, 1]) for (let a = 0; a < side; a++) {
        const edge = (b) => upright ? painted(a, b) && !painted(a + way, b)
          : painted(b, a) && !painted(b, a + way);
        for (let b = 0; b < side; b++) {
          if (!edge(b)) continue;
          path.moveTo(...point(b, a + (way > 0), upright));
          while (b + 1 < side && edge(b + 1)) b++;
          path.lineTo(...point(b + 1, a + (way > 0), upright));
        }
      }
      return path;
    });
  }
}
