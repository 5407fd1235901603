// The recording as a picture that can be played from, looked at closely, scrolled through and selected from.

import { PIECE_COLUMNS, SoundPicture } from "./spectrogram.js";

const ZOOM_STEP = 2;
// So close, a column is as short as the picture has anything to show of.
const MOST_PX_PER_S = 400;
// A hand that clicks may tremble.
const DRAG_PX = 4;
// Pieces of the picture are made for so long in each frame of the screen; what is missing comes with the next ones.
const WORK_MS = 6;
// Where the playhead is put when it has left the part in sight, as a share of the width.
const LEAD = 0.15;
// So long it does not scroll by itself after somebody has scrolled it.
const READER_MS = 1500;

/** A slider that scrolls: its value is the playhead. */
export class Timeline {
  #root;
  #canvas;
  #track;
  #handlers;
  #picture = null;
  #duration_s = 1;
  #zoom = 1;
  #drag = null;
  #selection = null;
  #last = { now_s: 0, word: null };
  #scrolled_ms = -Infinity;
  #scrolls = 0;
  #waits = false;

  /**
   * @param {{root: HTMLElement, canvas: HTMLCanvasElement, track: HTMLElement}} parts the track is as wide as all of the
   *     recording and scrolls in the root; the canvas stays.
   * @param {{onSeek: (now_s: number) => void, onSelect: (selection: {start_s: number, end_s: number} | null) => void,
   *     onZoom: () => void, colour: (name: string) => string}} handlers
   */
  constructor({ root, canvas, track }, handlers) {
    this.#root = root;
    this.#canvas = canvas;
    this.#track = track;
    this.#handlers = handlers;
    root.addEventListener("pointerdown", (event) => this.#onDown(event));
    root.addEventListener("pointermove", (event) => this.#onMove(event));
    root.addEventListener("pointerup", (event) => this.#onUp(event));
    root.addEventListener("pointercancel", () => (this.#drag = null));
    root.addEventListener("scroll", () => this.#onScroll());
    root.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    new ResizeObserver(() => this.#layOut()).observe(root);
  }

  /** Takes a new recording. @param {Float32Array | null} samples null for no picture */
  set(samples, rate_hz, duration_s) {
    this.#picture = samples && new SoundPicture(samples, rate_hz);
    this.#duration_s = Math.max(duration_s, 1e-3);
    this.#zoom = 1;
    this.#selection = null;
    this.#last = { now_s: 0, word: null };
    this.#layOut();
  }

  /** What was selected: {start_s, end_s}, or null. */
  get selection() {
    return this.#selection;
  }

  /** Selects a stretch, or nothing. */
  select(selection) {
    this.#selection = selection;
    this.#draw();
    this.#handlers.onSelect(selection);
  }

  get canZoomIn() {
    return this.#px_per_s * ZOOM_STEP <= Math.max(MOST_PX_PER_S, this.#root.clientWidth / this.#duration_s);
  }

  get canZoomOut() {
    return this.#zoom > 1;
  }

  /** Comes closer, or goes farther away; the moment under `at_px`, or else the playhead, stays where it is. */
  zoomBy(closer, at_px = null) {
    if (closer ? !this.canZoomIn : !this.canZoomOut) return;
    const inside = this.#last.now_s * this.#px_per_s - this.#root.scrollLeft;
    const px = at_px ?? (inside >= 0 && inside <= this.#root.clientWidth ? inside : this.#root.clientWidth / 2);
    const moment_s = (this.#root.scrollLeft + px) / this.#px_per_s;
    this.#zoom = Math.max(1, closer ? this.#zoom * ZOOM_STEP : this.#zoom / ZOOM_STEP);
    this.#layOut();
    this.#scrollTo(moment_s * this.#px_per_s - px);
    this.#handlers.onZoom();
  }

  /** Draws the moment being played; `word` is {start, end} of what is being said, or null. */
  draw(now_s, word, follows) {
    this.#last = { now_s, word };
    const at = now_s * this.#px_per_s;
    const [left, width] = [this.#root.scrollLeft, this.#root.clientWidth];
    const isReader = performance.now() - this.#scrolled_ms < READER_MS;
    if (follows && !isReader && (at < left || at > left + width)) this.#scrollTo(at - LEAD * width);
    this.#draw();
  }

  get #px_per_s() {
    return (this.#root.clientWidth * this.#zoom) / this.#duration_s;
  }

  #layOut() {
    this.#track.style.width = `${this.#root.clientWidth * this.#zoom}px`;
    this.#root.classList.toggle("zoomed", this.#zoom > 1);
    this.#draw();
  }

  #scrollTo(left) {
    const before = this.#root.scrollLeft;
    this.#root.scrollLeft = left;
    if (this.#root.scrollLeft !== before) this.#scrolls += 1; // an event of ours will come
    this.#draw();
  }

  #onScroll() {
    if (this.#scrolls > 0) this.#scrolls -= 1;
    else this.#scrolled_ms = performance.now();
    this.#draw();
  }

  #onWheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomBy(event.deltaY < 0, event.clientX - this.#root.getBoundingClientRect().left);
  }

  #secondsAt(event) {
    const { left } = this.#root.getBoundingClientRect();
    const seconds = (event.clientX - left - this.#root.clientLeft + this.#root.scrollLeft) / this.#px_per_s;
    return Math.min(Math.max(0, seconds), this.#duration_s);
  }

  #onDown(event) {
    const isOnScrollbar = event.offsetY > this.#root.clientHeight && event.target === this.#root;
    if (event.button !== 0 || isOnScrollbar) return;
    this.#drag = { x: event.clientX, from_s: this.#secondsAt(event), moved: false };
    // Fingers scroll; they select nothing.
    if (event.pointerType !== "touch") this.#root.setPointerCapture(event.pointerId);
  }

  #onMove(event) {
    if (!this.#drag || event.pointerType === "touch") return;
    this.#drag.moved ||= Math.abs(event.clientX - this.#drag.x) > DRAG_PX;
    if (!this.#drag.moved) return;
    const to_s = this.#secondsAt(event);
    this.#selection = { start_s: Math.min(this.#drag.from_s, to_s), end_s: Math.max(this.#drag.from_s, to_s) };
    this.#draw();
  }

  #onUp(event) {
    if (!this.#drag) return;
    const { moved, from_s, x } = this.#drag;
    this.#drag = null;
    if (moved) this.select(this.#selection);
    else if (Math.abs(event.clientX - x) <= DRAG_PX) {
      if (this.#selection && (from_s < this.#selection.start_s || from_s > this.#selection.end_s)) this.select(null);
      this.#handlers.onSeek(from_s);
    }
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== wide || this.#canvas.height !== high) Object.assign(this.#canvas, { width: wide, height: high });
    const context = this.#canvas.getContext("2d");
    const px_per_s = this.#px_per_s * ratio;
    const left = Math.round(this.#root.scrollLeft * ratio);
    const x = (seconds) => seconds * px_per_s - left;
    const { now_s, word } = this.#last;
    const [heard, ahead] = ["--accent", "--soft"].map(this.#handlers.colour);
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, wide, high);
    if (this.#picture) this.#drawPicture(context, wide, high, left, px_per_s);
    // What is drawn so far is black and as opaque as the sound is loud: it is inked in two colours.
    const playhead = Math.round(x(now_s));
    context.globalCompositeOperation = "source-in";
    context.fillStyle = ahead;
    context.fillRect(0, 0, wide, high);
    context.globalCompositeOperation = "source-atop";
    context.fillStyle = heard;
    context.fillRect(0, 0, Math.max(0, playhead), high);
    context.globalCompositeOperation = "destination-over";
    for (const [span, colour, radius] of [
      [word && [word.start, word.end], "--wash", 4],
      [this.#selection && [this.#selection.start_s, this.#selection.end_s], "--select", 0],
    ]) {
      if (!span) continue;
      context.fillStyle = this.#handlers.colour(colour);
      context.beginPath();
      context.roundRect(x(span[0]), 0, Math.max(ratio, (span[1] - span[0]) * px_per_s), high, radius * ratio);
      context.fill();
    }
    context.globalCompositeOperation = "source-over";
    context.fillStyle = heard;
    const thick = 2 * ratio;
    const edge = this.#zoom === 1 ? Math.min(Math.max(0, playhead - thick / 2), wide - thick) : playhead - thick / 2;
    context.fillRect(edge, 0, thick, high);
  }

  #drawPicture(context, wide, high, left, px_per_s) {
    const { overview } = this.#picture;
    const all = this.#duration_s * px_per_s;
    const scale = overview.width / all;
    if (all <= Math.max(wide, overview.width)) {
      context.drawImage(overview, left * scale, 0, wide * scale, overview.height, 0, 0, wide, high);
      return;
    }
    const until_ms = performance.now() + WORK_MS;
    let missing = false;
    for (let number = Math.floor(left / PIECE_COLUMNS); number * PIECE_COLUMNS < Math.min(left + wide, all); number++) {
      const at = number * PIECE_COLUMNS;
      const piece = this.#picture.piece(1 / px_per_s, number, performance.now() < until_ms);
      if (piece) context.drawImage(piece, at - left, 0, PIECE_COLUMNS, high);
      else {
        missing = true;
        context.drawImage(overview, at * scale, 0, PIECE_COLUMNS * scale, overview.height, at - left, 0, PIECE_COLUMNS, high);
      }
    }
    if (missing && !this.#waits) {
      this.#waits = true;
      requestAnimationFrame(() => {
        this.#waits = false;
        this.#draw();
      });
    }
  }
}
