// What somebody drops -> files, those in folders among them.

const SOUNDS = /\.(aac|ac3|aiff?|amr|au|avi|caf|flac|flv|m4a|m4b|mka|mkv|mov|mp2|mp3|mp4|mpe?g|oga|ogg|opus|ts|wav|webm|wma)$/i;

/** Returns the files of a drop: all that were dropped themselves, and of folders what sounds by its name. */
export async function droppedFiles(transfer) {
  // Asked for before anything is waited for: the transfer forgets them.
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) if (entry) files.push(...(await filesOf(entry, true)));
  return files;
}

async function filesOf(entry, wasDropped) {
  if (entry.isFile) return wasDropped || SOUNDS.test(entry.name) ? [await new Promise((resolve, reject) => entry.file(resolve, reject))] : [];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    // A reader gives some at a time, and none at the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return files;
    for (const each of some.sort((a, b) => a.name.localeCompare(b.name))) files.push(...(await filesOf(each, false)));
  }
}
