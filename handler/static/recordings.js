// The list of recordings: those that wait for their turn, and earlier results, which the browser keeps.

import { clock } from "./clock.js";
import { Refusal } from "./endpoint.js";

// How often something is tried that the endpoint was too busy for, and how long after the first time, then twice as long.
const TRIES = 5;
const WAIT_MS = 2000;

/** The list, and what works through the part of it that waits. */
export class RecordingList {
  #root;
  #list;
  #shelf;
  #handlers;
  #waiting = []; // {name, recording, stage, step, isStopped, again: whether it may be tried again}
  #kept = [];
  #works = false;

  /**
   * @param {HTMLElement} root with an element "ol"
   * @param {Shelf} shelf
   * @param {{transcribe: (recording: object, signal: AbortSignal, onStage: Function) => Promise<object>,
   *     keep: (reply: object, recording: object) => Promise<number | null>, onOpen: (id: number) => void,
   *     onKeyWanted: (refusal: Refusal) => void, say: (text: string) => void}} handlers
   */
  constructor(root, shelf, handlers) {
    this.#root = root;
    this.#list = root.querySelector("ol");
    this.#shelf = shelf;
    this.#handlers = handlers;
    root.querySelector("#delete-all").addEventListener("click", () => this.#deleteAll());
  }

  /** Whether files wait or are worked on. */
  get isBusy() {
    return this.#works;
  }

  /** Adds files, which are transcribed one after the other. */
  add(files) {
    this.#waiting.push(...files.map(waiting));
    this.#draw();
    this.#handlers.say(`${files.length} recordings are waiting.`);
    this.work();
  }

  /** Works through what waits; goes on where it stopped for want of a key. */
  async work() {
    if (this.#works) return;
    this.#works = true;
    let item = null;
    while ((item = this.#waiting.find(({ isStopped }) => !isStopped)) && (await this.#transcribe(item)));
    this.#works = false;
    this.#draw();
  }

  /** Shows what is kept. */
  async refresh() {
    this.#kept = await this.#shelf.list();
    this.#draw();
  }

  // Returns whether the next may follow.
  async #transcribe(item) {
    const { recording } = item;
    const onStage = (stage, share) => this.#stage(item, share === null ? stage : `${stage}, ${Math.round(100 * share)} %`);
    try {
      const reply = await this.#patiently(item, () => this.#handlers.transcribe(recording, item.step.signal, onStage));
      await this.#handlers.keep(reply, recording);
      this.#drop(item);
      this.#handlers.say(`${item.name} is transcribed.`);
      await this.refresh();
    } catch (error) {
      if (error.name === "AbortError") return true;
      if (!(error instanceof Refusal)) throw error;
      if (error.code === "invalid_api_key") {
        this.#stage(item, "Waiting");
        this.#handlers.onKeyWanted(error);
        return false;
      }
      Object.assign(item, { isStopped: true, again: error.again });
      item.stage = `${error.title}. ${error.message}`;
      this.#handlers.say(`${item.name}: ${error.title}`);
      this.#draw();
    }
    return true;
  }

  async #patiently(item, ask) {
    for (let tries = 1; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        if (!error.again || tries === TRIES) throw error;
        this.#stage(item, "Waiting: others are using the endpoint");
        await new Promise((resolve) => setTimeout(resolve, WAIT_MS * 2 ** (tries - 1)));
        item.step.signal.throwIfAborted();
      }
    }
  }

  #stage(item, stage) {
    item.stage = stage;
    if (item.note) item.note.textContent = stage;
  }

  #drop(item) {
    this.#waiting = this.#waiting.filter((each) => each !== item);
    this.#draw();
  }

  #draw() {
    this.#root.hidden = !this.#waiting.length && !this.#kept.length;
    this.#root.querySelector("#delete-all").hidden = !this.#kept.length;
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    this.#list.replaceChildren(...this.#waiting.map((item) => this.#waitingRow(item)), ...this.#kept.map((kept) => this.#keptRow(kept)));
    if (focused) this.#focus(focused);
  }

  #focus(label) {
    [...this.#list.querySelectorAll("button")].find((each) => each.getAttribute("aria-label") === label)?.focus();
  }

  #waitingRow(item) {
    item.note = Object.assign(document.createElement("span"), { className: "note", textContent: item.stage });
    const name = Object.assign(document.createElement("span"), { className: "name", textContent: item.name });
    const parts = [name, item.note];
    if (item.isStopped && item.again) {
      const again = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Try again" });
      again.setAttribute("aria-label", `Try ${item.name} again`);
      again.addEventListener("click", () => {
        Object.assign(item, { isStopped: false, stage: "Waiting" });
        this.#draw();
        this.#focus(`Remove ${item.name}`);
        this.work();
      });
      parts.push(again);
    }
    return row(parts, `Remove ${item.name}`, () => {
      item.step.abort();
      this.#drop(item);
    });
  }

  #keptRow({ id, name, made, seconds, words, isEdited }) {
    const open = Object.assign(document.createElement("button"), { type: "button", className: "name", textContent: name });
    open.setAttribute("aria-label", `Open ${name}`);
    open.addEventListener("click", () => this.#handlers.onOpen(id));
    const when = made.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const text = [when, clock(seconds), words === 1 ? "1 word" : `${words.toLocaleString()} words`, ...(isEdited ? ["corrected"] : [])].join(", ");
    const note = Object.assign(document.createElement("span"), { className: "note", textContent: text });
    return row([open, note], `Delete ${name}`, async () => {
      await this.#shelf.delete(id);
      this.#handlers.say(`${name} deleted.`);
      await this.refresh();
    });
  }

  async #deleteAll() {
    if (!window.confirm("Delete all recordings and transcripts that this browser keeps?")) return;
    await this.#shelf.deleteAll();
    this.#handlers.say("All deleted.");
    await this.refresh();
  }
}

function waiting(file) {
  const recording = { name: file.name, blob: file, samples: null };
  return { name: file.name, recording, stage: "Waiting", step: new AbortController(), isStopped: false };
}

function row(parts, label, remove) {
  const item = document.createElement("li");
  const text = Object.assign(document.createElement("div"), { className: "what" });
  text.append(...parts);
  const button = Object.assign(document.createElement("button"), { type: "button", className: "tool", textContent: "×" });
  button.setAttribute("aria-label", label);
  button.addEventListener("click", remove);
  item.append(text, button);
  return item;
}
