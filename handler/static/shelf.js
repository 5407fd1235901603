// Results that this browser keeps until somebody deletes them, with their recordings, in IndexedDB.

const NAME = "hark";
// What the list shows is apart from texts and recordings, which are many times as large.
const TITLES = "titles";
const CONTENTS = "contents";

/**
 * @typedef {{id: number, name: string, made: Date, seconds: number, words: number, isEdited: boolean}} Title
 * @typedef {{reply: object, edited: object | null, blob: Blob, layout: object}} Content `edited` is the corrected
 *     transcript, null where nobody corrected anything.
 */

/** Where results are kept; every method does nothing where the browser keeps none, as in some private windows. */
export class Shelf {
  #database;

  constructor() {
    this.#database = opened().catch(() => null);
  }

  /**
   * Keeps a result.
   * @param {Omit<Title, "id">} title
   * @param {Content} content
   * @returns {Promise<number | null>} the number by which it is found again, or null where it could not be kept
   */
  add(title, content) {
    return this.#do("readwrite", (titles, contents, done) => {
      titles.add(title).onsuccess = ({ target: { result: id } }) => {
        contents.add(content, id);
        done(id);
      };
    });
  }

  /** Returns the titles of all results, the latest first. @returns {Promise<Title[]>} */
  async list() {
    const all = await this.#do("readonly", (titles, _, done) => (titles.getAll().onsuccess = ({ target }) => done(target.result)));
    return (all ?? []).reverse();
  }

  /** @returns {Promise<(Title & Content) | null>} null if there is none */
  get(id) {
    return this.#do("readonly", (titles, contents, done) => {
      titles.get(id).onsuccess = ({ target: { result: title } }) => {
        contents.get(id).onsuccess = ({ target: { result: content } }) => done(title && content ? { ...title, ...content } : null);
      };
    });
  }

  /** Keeps another version of a transcript; does nothing once the result was deleted. */
  edit(id, edited, words) {
    return this.#do("readwrite", (titles, contents) => {
      titles.get(id).onsuccess = ({ target: { result: title } }) => title && titles.put({ ...title, words, isEdited: Boolean(edited) });
      contents.get(id).onsuccess = ({ target: { result: content } }) => content && contents.put({ ...content, edited }, id);
    });
  }

  delete(id) {
    return this.#do("readwrite", (titles, contents) => {
      for (const store of [titles, contents]) store.delete(id);
    });
  }

  deleteAll() {
    return this.#do("readwrite", (titles, contents) => {
      for (const store of [titles, contents]) store.clear();
    });
  }

  // Runs requests in one transaction: all of them happen or none. `done` is told what to return.
  async #do(mode, ask) {
    const database = await this.#database;
    if (!database) return null;
    return new Promise((resolve) => {
      let result = null;
      try {
        const transaction = database.transaction([TITLES, CONTENTS], mode);
        transaction.oncomplete = () => resolve(result);
        transaction.onabort = () => resolve(null); // the disk is full, or the quota
        ask(transaction.objectStore(TITLES), transaction.objectStore(CONTENTS), (found) => (result = found));
      } catch {
        resolve(null);
      }
    });
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(TITLES, { keyPath: "id", autoIncrement: true });
      request.result.createObjectStore(CONTENTS);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
