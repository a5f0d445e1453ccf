// Mouse, pen, fingers and keys on the picture: they paint, move, zoom and shift the line.

const NEAR = 28; // CSS pixels from the line between before and after

export class Hands {
  // `painted` is called when a stroke has ended, `split` with where the line is to be, from 0 to 1.
  constructor(view, painted, split) {
    Object.assign(this, { view, painted, split, tool: "brush", fingers: new Map(), last: null });
    const on = (name, act, options) => view.canvas.addEventListener(name, act, options);
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#up(event));
    on("pointerleave", () => { if (!this.keys) { view.pointer = null; view.draw(); } });
    on("wheel", (event) => this.#wheel(event), { passive: false });
    on("keydown", (event) => this.#key(event));
    on("blur", () => { this.#lift(); view.pointer = null; view.draw(); });
  }

  #at(event) {
    const box = this.view.canvas.getBoundingClientRect(), ratio = window.devicePixelRatio;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  #begin(x, y) {
    const { mask } = this.view;
    mask.begin();
    this.last = [x, y];
    this.view.down = true;
    this.#paint(x, y);
  }

  #paint(x, y) {
    const { view } = this;
    view.mask.line(...this.last, x, y, view.brush / 2, this.tool === "eraser" ? 0 : 1);
    this.last = [x, y];
    view.draw();
  }

  #leave() {
    this.last = null;
    this.view.down = false;
    this.view.draw();
  }

  #lift() {
    if (!this.last) return;
    this.#leave();
    if (this.view.mask.end()) this.painted();
  }

  #down(event) {
    const { view } = this;
    if (!view.before) return;
    view.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.#at(event);
    this.fingers.set(event.pointerId, [x, y]);
    this.keys = false;
    if (this.fingers.size > 1) { // two fingers zoom: what the first has painted was not meant
      if (this.last) { this.#leave(); view.mask.drop(); }
      this.doing = "pinch";
    } else if (view.comparing) {
      const line = view.split * view.canvas.width;
      this.doing = Math.abs(x - line) < NEAR * window.devicePixelRatio ? "split" : "move";
    } else if (event.button === 1 || this.tool === "hand") {
      this.doing = "move";
    } else if (event.button === 0) {
      this.doing = "paint";
      this.#begin(...view.at(x, y));
    }
  }

  #move(event) {
    const { view, fingers } = this, [x, y] = this.#at(event);
    if (!view.before) return;
    const old = fingers.get(event.pointerId);
    if (!view.comparing && this.tool !== "hand" && event.pointerType !== "touch") {
      view.pointer = view.at(x, y);
      view.draw();
    }
    if (!old) return;
    if (this.doing === "paint" && this.last) {
      const all = event.getCoalescedEvents?.() ?? [];
      for (const each of all.length ? all : [event]) this.#paint(...view.at(...this.#at(each)));
    } else if (this.doing === "move") {
      view.move(x - old[0], y - old[1]);
    } else if (this.doing === "split") {
      this.split(x / view.canvas.width);
    } else if (this.doing === "pinch" && fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const was = Math.hypot(old[0] - other[0], old[1] - other[1]);
      const is = Math.hypot(x - other[0], y - other[1]);
      view.zoom(view.scale * is / Math.max(was, 1), (x + other[0]) / 2, (y + other[1]) / 2);
      view.move((x - old[0]) / 2, (y - old[1]) / 2);
    }
    fingers.set(event.pointerId, [x, y]);
  }

  #up(event) {
    this.fingers.delete(event.pointerId);
    if (this.doing === "paint") this.#lift();
    if (!this.fingers.size) this.doing = null;
  }

  #wheel(event) {
    event.preventDefault();
    const speed = event.deltaMode ? 0.05 : event.ctrlKey ? 0.01 : 0.0015;
    this.view.zoom(this.view.scale * Math.exp(-event.deltaY * speed), ...this.#at(event));
  }

  #key(event) {
    const { view } = this;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!view.before || event.ctrlKey || event.metaKey || event.altKey) return;
    if (way && view.comparing) {
      this.split(view.split + way[0] * (event.shiftKey ? 0.1 : 0.01));
      view.move(0, -way[1] * 40);
    } else if (way) {
      this.#start();
      const far = (event.shiftKey ? 8 : 1) * Math.max(view.brush / 2, 1 / view.scale, 1);
      const { width, height } = view.before.info;
      const x = Math.min(Math.max(view.pointer[0] + way[0] * far, 0), width - 0.5);
      const y = Math.min(Math.max(view.pointer[1] + way[1] * far, 0), height - 0.5);
      view.pointer = [x, y];
      if (this.last) this.#paint(x, y);
      this.#follow();
    } else if (event.key === " " && !view.comparing) {
      this.#start();
      if (this.last) this.#lift(); else this.#begin(...view.pointer);
    } else if (event.key === "Escape" && this.last) {
      this.#lift();
    } else return;
    event.preventDefault();
  }

  // The brush of the keys begins in the middle of what is in sight.
  #start() {
    const { canvas } = this.view;
    this.keys = true;
    this.view.pointer ??= this.view.at(canvas.width / 2, canvas.height / 2);
  }

  // Keeps the brush of the keys in sight.
  #follow() {
    const { view } = this, edge = 40 * window.devicePixelRatio;
    const x = view.left + view.pointer[0] * view.scale, y = view.top + view.pointer[1] * view.scale;
    view.move(Math.max(edge - x, 0) + Math.min(view.canvas.width - edge - x, 0),
      Math.max(edge - y, 0) + Math.min(view.canvas.height - edge - y, 0));
  }
}
