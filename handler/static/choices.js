// The menu of what a word may be instead, below the word: arrow keys, or the number of a choice.

const GAP_PX = 4;

/** A menu that is opened, filled later, and closed by a choice, Escape, or a press elsewhere. */
export class ChoiceMenu {
  #root;
  #title;
  #list;
  #onClose = () => {};

  /** @param {HTMLElement} root with a "p", the title, and an element with role "menu"; its parent is what it is placed in */
  constructor(root) {
    this.#root = root;
    this.#title = root.querySelector("p");
    this.#list = root.querySelector("[role=menu]");
    root.addEventListener("keydown", (event) => this.#onKey(event));
    document.addEventListener("pointerdown", (event) => !root.contains(event.target) && this.close());
    root.addEventListener("focusout", (event) => event.relatedTarget && !root.contains(event.relatedTarget) && this.close());
  }

  get isOpen() {
    return !this.#root.hidden;
  }

  /**
   * Opens it below an element, with nothing to choose yet.
   * @param {(wasLeft: boolean) => void} onClose told whether it was left by a key, so that the focus belongs back
   */
  open(anchor, title, onClose) {
    this.close();
    this.#onClose = onClose;
    this.#list.replaceChildren();
    this.#title.textContent = title;
    this.#root.hidden = false;
    this.#place(anchor);
    this.#root.focus({ preventScroll: true });
  }

  /** Says something instead of choices. */
  tell(text) {
    this.#title.textContent = text;
    this.#root.scrollIntoView({ block: "nearest" });
  }

  /** Shows what can be chosen. @param {{label: string, note: string, act: () => void}[]} choices */
  show(title, choices) {
    this.#title.textContent = title;
    this.#list.replaceChildren(
      ...choices.map(({ label, note, act }, i) => {
        const item = Object.assign(document.createElement("button"), { type: "button", className: "choice" });
        item.setAttribute("role", "menuitem");
        item.tabIndex = -1;
        const key = Object.assign(document.createElement("kbd"), { textContent: String(i + 1) });
        key.setAttribute("aria-hidden", "true");
        const text = Object.assign(document.createElement("span"), { textContent: label });
        item.append(key, text);
        if (note) item.append(Object.assign(document.createElement("span"), { className: "note", textContent: note }));
        item.addEventListener("click", () => {
          this.close();
          act();
        });
        return item;
      }),
    );
    this.#list.firstElementChild.focus({ preventScroll: true });
    this.#root.scrollIntoView({ block: "nearest" });
  }

  close(wasLeft = false) {
    if (!this.isOpen) return;
    this.#root.hidden = true;
    this.#onClose(wasLeft);
  }

  // Where there is room: below the word, within what it is placed in.
  #place(anchor) {
    const [own, around] = [anchor.getBoundingClientRect(), this.#root.parentElement.getBoundingClientRect()];
    const most = Math.max(0, around.width - this.#root.offsetWidth);
    this.#root.style.top = `${own.bottom - around.top + GAP_PX}px`;
    this.#root.style.left = `${Math.min(most, Math.max(0, own.left - around.left))}px`;
  }

  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const items = [...this.#list.children];
    const at = items.indexOf(document.activeElement);
    const places = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1 };
    if (event.key === "Escape" || event.key === "Tab") this.close(true);
    else if (event.key in places && items.length) items[places[event.key]].focus();
    else if (/^[1-9]$/.test(event.key)) items[Number(event.key) - 1]?.click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
