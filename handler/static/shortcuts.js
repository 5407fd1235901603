// Keys for what a transcript's editor does most, and the list of them.

// The name under which localStorage keeps that somebody wants no keys.
const OFF_NAME = "hark-keys-off";
// Elements in which letters are written or choose something.
const WRITES = "input:not([type=checkbox]), textarea, select, [contenteditable]";
const PRESSES = "button, a, summary, input, [role=slider]";

/**
 * @typedef {{keys: string[], label: string, act: () => void, command?: boolean}} Shortcut keys as KeyboardEvent.key says
 *     them; `command` is with Ctrl, or ⌘ on a Mac.
 */

/** Keys that act while a part of the page is shown, and the dialog that lists them and turns them off. */
export class Shortcuts {
  #table;
  #dialog;
  #isActive;
  #off;

  /** @param {Shortcut[]} table @param {HTMLDialogElement} dialog @param {() => boolean} isActive */
  constructor(table, dialog, isActive) {
    this.#table = table;
    this.#dialog = dialog;
    this.#isActive = isActive;
    this.#off = storage()?.getItem(OFF_NAME) === "yes";
    dialog.querySelector("dl").replaceChildren(...table.flatMap(entry));
    const tick = dialog.querySelector("input");
    tick.checked = !this.#off;
    tick.addEventListener("change", () => this.#turn(tick.checked));
    document.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Shows the list. */
  show() {
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #turn(on) {
    this.#off = !on;
    if (on) storage()?.removeItem(OFF_NAME);
    else storage()?.setItem(OFF_NAME, "yes");
  }

  #onKey(event) {
    if (event.defaultPrevented || event.isComposing || this.#dialog.open || !this.#isActive()) return;
    const command = event.ctrlKey || event.metaKey;
    const name = command && event.shiftKey ? `Shift+${event.key.toLowerCase()}` : event.key;
    if (event.altKey || event.target.closest(WRITES)) return;
    if (name === " " && event.target.closest(PRESSES)) return;
    const found = this.#table.find((each) => Boolean(each.command) === command && each.keys.includes(name));
    // Only keys without Ctrl can be pressed by mistake, or by whoever speaks to their computer.
    if (!found || (!command && this.#off)) return;
    event.preventDefault();
    found.act();
  }
}

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null; // forbidden by the visitor
  }
}

const NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };

function entry({ keys, label, command }) {
  const [term, meaning] = ["dt", "dd"].map((name) => document.createElement(name));
  const prefix = command ? (/Mac|iP/.test(navigator.platform) ? "⌘ " : "Ctrl ") : "";
  for (const [i, key] of keys.filter((each, n) => n === 0 || each.toLowerCase() !== keys[n - 1].toLowerCase()).entries()) {
    const kbd = document.createElement("kbd");
    const isCapital = key !== key.toLowerCase() && key.length === 1 && !keys.includes(key.toLowerCase());
    kbd.textContent = prefix + (NAMES[key] ?? (isCapital ? `Shift ${key}` : key.replace("Shift+", "Shift ").replace(/\b\w$/, (letter) => letter.toUpperCase())));
    if (i) term.append(" or ");
    term.append(kbd);
  }
  meaning.textContent = label;
  return [term, meaning];
}
