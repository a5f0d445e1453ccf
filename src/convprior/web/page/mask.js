// What is painted, at the picture's full size: tiles of bytes, of which empty and full ones take no
// room. A stroke copies a tile before it changes it, so undo puts the old ones back.

import { png } from "./png.js";

export const SIDE = 256;
const MOST_UNDONE = 200e6; // bytes that strokes may keep

export class Mask {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.across = Math.ceil(width / SIDE);
    this.down = Math.ceil(height / SIDE);
    this.tiles = new Array(this.across * this.down).fill(0); // 0, 1, or SIDE² bytes
    this.version = new Uint32Array(this.tiles.length); // changes when a tile is to be drawn anew
    this.done = [];
    this.undone = [];
    this.stroke = null;
  }

  begin() { this.stroke = new Map(); }

  end() {
    const stroke = this.stroke;
    this.stroke = null;
    if (!stroke?.size) return false;
    this.done.push(stroke);
    this.undone = [];
    let kept = 0;
    for (let at = this.done.length - 1; at >= 0; at--) {
      for (const tile of this.done[at].values()) kept += tile.length ?? 0;
      if (kept > MOST_UNDONE && at < this.done.length - 1) { this.done.splice(0, at + 1); break; }
    }
    return true;
  }

  // Takes back a stroke that has not ended.
  drop() {
    for (const [at, tile] of this.stroke) this.#put(at, tile);
    this.stroke = null;
  }

  #swap(from, to) {
    const stroke = from.pop();
    if (!stroke) return false;
    const other = new Map();
    for (const [at, tile] of stroke) {
      other.set(at, this.tiles[at]);
      this.#put(at, tile);
    }
    to.push(other);
    return true;
  }

  undo() { return this.#swap(this.done, this.undone); }
  redo() { return this.#swap(this.undone, this.done); }

  #put(at, tile) {
    this.tiles[at] = tile;
    this.version[at]++;
  }

  // Returns the tile to be changed: in a stroke, a copy of what it was before.
  #mine(at, value) {
    const old = this.tiles[at];
    if (old === value) return null; // all of it is already
    if (!this.stroke.has(at)) {
      this.stroke.set(at, old);
      this.#put(at, typeof old === "number" ? new Uint8Array(SIDE * SIDE).fill(old) : old.slice());
    } else if (typeof old === "number") {
      this.#put(at, new Uint8Array(SIDE * SIDE).fill(old));
    }
    this.version[at]++;
    return this.tiles[at];
  }

  // Paints the pixels from `left` up to, but without, `right` of a row.
  row(y, left, right, value) {
    if (y < 0 || y >= this.height) return;
    left = Math.max(left, 0);
    right = Math.min(right, this.width);
    const first = Math.floor(y / SIDE) * this.across, base = (y % SIDE) * SIDE;
    while (left < right) {
      const column = Math.floor(left / SIDE), end = Math.min(right, (column + 1) * SIDE);
      const tile = this.#mine(first + column, value);
      const start = column * SIDE;
      tile?.fill(value, base + left - start, base + end - start);
      left = end;
    }
  }

  // Paints all pixels whose middle is no farther than `radius` from a line.
  line(x0, y0, x1, y1, radius, value) {
    const dx = x1 - x0, dy = y1 - y0, length = Math.hypot(dx, dy);
    const nx = length ? -dy / length * radius : 0, ny = length ? dx / length * radius : 0;
    const corners = [[x0 + nx, y0 + ny], [x1 + nx, y1 + ny], [x1 - nx, y1 - ny], [x0 - nx, y0 - ny]];
    const top = Math.max(Math.floor(Math.min(y0, y1) - radius), 0);
    const below = Math.min(Math.ceil(Math.max(y0, y1) + radius), this.height - 1);
    for (let y = top; y <= below; y++) {
      let low = Infinity, high = -Infinity;
      const middle = y + 0.5;
      for (const [x, at] of [[x0, y0], [x1, y1]]) {
        const half = radius * radius - (middle - at) ** 2;
        if (half < 0) continue;
        low = Math.min(low, x - Math.sqrt(half));
        high = Math.max(high, x + Math.sqrt(half));
      }
      for (let k = 0; length && k < 4; k++) {
        const [ax, ay] = corners[k], [bx, by] = corners[(k + 1) % 4];
        if (ay === by || (middle - ay) * (middle - by) > 0) continue;
        const x = ax + (bx - ax) * (middle - ay) / (by - ay);
        low = Math.min(low, x);
        high = Math.max(high, x);
      }
      this.row(y, Math.ceil(low - 0.5), Math.floor(high - 0.5) + 1, value);
    }
    // Where the brush is smaller than a pixel, the one under it is meant.
    this.row(Math.floor(y1), Math.floor(x1), Math.floor(x1) + 1, value);
  }

  // Makes of all tiles what `change` makes of them: a new number or array.
  #all(change) {
    this.begin();
    this.tiles.forEach((tile, at) => {
      const changed = change(tile, at);
      if (changed === tile) return;
      this.stroke.set(at, tile);
      this.#put(at, changed);
    });
    return this.end();
  }

  clear() { return this.#all(() => 0); }

  // Paints all that lies within `by` pixels of what is painted.
  widen(by) {
    const runs = [...this.#runs()];
    this.begin();
    for (let down = -by; down <= by; down++) {
      const aside = Math.floor(Math.sqrt((by + 0.5) ** 2 - down ** 2));
      for (const [y, left, right] of runs) this.row(y + down, left - aside, right + aside, 1);
    }
    return this.end();
  }

  // What is painted in each row of each tile: [row, left, right], without right.
  *#runs() {
    for (let at = 0; at < this.tiles.length; at++) {
      const tile = this.tiles[at];
      if (tile === 0) continue;
      const [left, top, width, height] = this.#inside(at);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          if (tile !== 1 && !tile[y * SIDE + x]) continue;
          const from = x;
          while (x < width && (tile === 1 || tile[y * SIDE + x])) x++;
          yield [top + y, left + from, left + x];
        }
      }
    }
  }

  invert() {
    return this.#all((tile) => typeof tile === "number" ? 1 - tile : tile.map((byte) => 1 - byte));
  }

  // Takes rows of bits as the server sends them, in place of what there is or, `added`, with it.
  take(bits, added) {
    const bytes = Math.ceil(this.width / 8);
    return this.#all((old, at) => {
      const top = Math.floor(at / this.across) * SIDE, left = (at % this.across) * SIDE;
      let tile = 0;
      for (let y = top; y < Math.min(top + SIDE, this.height); y++) {
        for (let x = left; x < Math.min(left + SIDE, this.width); x += 8) {
          const byte = bits[y * bytes + (x >> 3)];
          if (!byte) continue;
          tile ||= new Uint8Array(SIDE * SIDE);
          for (let k = 0; k < 8; k++) tile[(y - top) * SIDE + x - left + k] = byte >> (7 - k) & 1;
        }
      }
      if (!added || old === 0) return tile;
      if (old === 1 || tile === 0) return old;
      return tile.map((byte, k) => byte | old[k]);
    });
  }

  // The part of a tile that is in the picture: [left, top, width, height].
  #inside(at) {
    const top = Math.floor(at / this.across) * SIDE, left = (at % this.across) * SIDE;
    return [left, top, Math.min(SIDE, this.width - left), Math.min(SIDE, this.height - top)];
  }

  // How many pixels are painted.
  count() {
    let sum = 0;
    this.tiles.forEach((tile, at) => {
      if (tile === 0) return;
      const [, , width, height] = this.#inside(at);
      if (tile === 1) sum += width * height;
      else for (let y = 0; y < height; y++) {
        for (let x = y * SIDE, end = x + width; x < end; x++) sum += tile[x];
      }
    });
    return sum;
  }

  png() {
    const bytes = Math.ceil(this.width / 8) + 1, rows = new Uint8Array(bytes * this.height);
    this.tiles.forEach((tile, at) => {
      if (tile === 0) return;
      const [left, top, width, height] = this.#inside(at);
      for (let y = 0; y < height; y++) {
        const base = (top + y) * bytes + 1 + (left >> 3);
        for (let x = 0; x < width; x++) {
          if (tile === 1 || tile[y * SIDE + x]) rows[base + (x >> 3)] |= 128 >> (x & 7);
        }
      }
    });
    return png(this.width, this.height, rows);
  }
}
