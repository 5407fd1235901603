// What the visitor may ask for besides: the fields of the endpoint's API, folded away, since few need them.

import { FIELDS } from "./alternatives.js";

// The name under which localStorage keeps the words to listen for, if there are any.
const WORDS_NAME = "hark-words";
// And that it is there where somebody wants no text while speaking.
const NOT_LIVE_NAME = "hark-not-live";
// As many as the API takes.
const MOST_WORDS = 100;

/** The form's fields as what is asked of the endpoint. */
export class Options {
  #fields;

  /** @param {HTMLFormElement} form with the fields words, language, decoder, style, channels, names, width and live */
  constructor(form) {
    this.#fields = form.elements;
    this.#fields.words.value = storage()?.getItem(WORDS_NAME) ?? "";
    this.#fields.live.checked = !storage()?.getItem(NOT_LIVE_NAME);
    form.addEventListener("input", () => this.#onInput());
    form.addEventListener("submit", (event) => event.preventDefault());
    this.#onInput();
  }

  /**
   * Lets the visitor choose among the languages that the endpoint's models write, where there are several.
   * @param {string[]} languages their tags
   */
  offer(languages) {
    const { language } = this.#fields;
    language.replaceChildren(...languages.map((tag) => new Option(languageName(tag), tag)));
    language.closest("label").hidden = languages.length < 2;
    if (languages.length < 2) language.replaceChildren(new Option("", "")); // which asks for none
  }

  /** The query of POST transcribe: "" where nothing was changed. */
  get query() {
    const { decoder, style, channels, names } = this.#fields;
    const query = new URLSearchParams();
    if (decoder.value) query.append("decoder", decoder.value);
    this.#listen(query);
    if (style.value !== "written") query.append("text_style", style.value);
    if (channels.value === "separate") {
      query.append("channels", channels.value);
      // A name that is left out keeps its place: "Anna, , Carl".
      if (names.value.trim()) for (const name of names.value.split(",")) query.append("channel_names[]", name.trim());
    }
    return String(query);
  }

  /** The query that asks what else words may be. The fastest search knows of nothing else: then the usual one is asked. */
  get alternativesQuery() {
    const { decoder } = this.#fields;
    const query = new URLSearchParams(FIELDS);
    if (decoder.value && decoder.value !== "greedy") query.append("decoder", decoder.value);
    this.#listen(query);
    return String(query);
  }

  /** Whether there shall be text while somebody speaks. */
  get isLive() {
    return this.#fields.live.checked;
  }

  /**
   * The query of that text: a microphone has one channel.
   * @param {boolean} isSlow whether the thorough search takes too long
   */
  liveQuery(isSlow) {
    const { decoder, style } = this.#fields;
    const query = new URLSearchParams();
    if (decoder.value || isSlow) query.append("decoder", decoder.value || "beam");
    this.#listen(query);
    if (style.value !== "written") query.append("text_style", style.value);
    return String(query);
  }

  /** The same as fields of POST v1/jobs. */
  get jobFields() {
    const query = new URLSearchParams(this.query);
    const fields = {};
    for (const name of new Set(query.keys())) fields[name.replace("[]", "")] = name.endsWith("[]") ? query.getAll(name) : query.get(name);
    return fields;
  }

  /** Whether channels are kept apart: then they must not be mixed on the way. */
  get keepsChannels() {
    return this.#fields.channels.value === "separate";
  }

  /** How many characters a line of a subtitle has. */
  get line_characters() {
    const { width } = this.#fields;
    return width.checkValidity() && width.value ? Number(width.value) : Number(width.defaultValue);
  }

  // The fastest search listens for no words in particular; the endpoint refuses both together.
  #listen(query) {
    const { words, decoder, language } = this.#fields;
    if (language.value) query.append("language", language.value);
    if (decoder.value !== "greedy") for (const word of listed(words.value).slice(0, MOST_WORDS)) query.append("hotwords[]", word);
  }

  #onInput() {
    const { words, decoder, channels, names, live } = this.#fields;
    words.disabled = decoder.value === "greedy";
    names.closest("label").hidden = channels.value !== "separate";
    keep(WORDS_NAME, words.value.trim() && words.value);
    keep(NOT_LIVE_NAME, live.checked ? "" : "1");
  }
}

/** Returns the English name of a language's tag, which the interface is in. */
export function languageName(tag) {
  return new Intl.DisplayNames(["en"], { type: "language" }).of(tag);
}

function listed(text) {
  return text.split(/[,\n\u060c\u3001\uff0c]/).map((word) => word.trim()).filter(Boolean);
}

function keep(name, value) {
  if (value) storage()?.setItem(name, value);
  else storage()?.removeItem(name);
}

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null; // forbidden by the visitor
  }
}
