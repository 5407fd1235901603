// Files -> a ZIP archive, without compression. Source: PKWARE, "APPNOTE.TXT: .ZIP File Format Specification", 6.3.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
// 1 January 1980, the first day that the format knows: the same files give the same archive.
const DATE = 0x21;
const UTF8_NAMES = 0x800;

/**
 * Packs files.
 * @param {[name: string, content: string | Uint8Array][]} files
 * @param {string} type the archive's media type
 * @returns {Blob}
 */
export function zip(files, type = "application/zip") {
  const encoder = new TextEncoder();
  const [locals, centrals] = [[], []];
  let offset = 0;
  for (const [name, content] of files) {
    const path = encoder.encode(name);
    const bytes = typeof content === "string" ? encoder.encode(content) : content;
    const common = [20, UTF8_NAMES, 0, 0, DATE]; // version, flags, stored, time, date
    const sizes = [checksum(bytes), bytes.length, bytes.length];
    locals.push(record(0x04034b50, common, sizes, [path.length, 0]), path, bytes);
    centrals.push(record(0x02014b50, [20, ...common], sizes, [path.length, 0, 0, 0, 0], [0, offset]), path);
    offset += 30 + path.length + bytes.length;
  }
  const length = centrals.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const end = record(0x06054b50, [0, 0, files.length, files.length], [length, offset], [0]);
  return new Blob([...locals, ...centrals, end], { type });
}

// A signature and then numbers of two and four bytes in turn, the least first.
function record(signature, ...numbers) {
  const parts = [[signature], ...numbers];
  const width = (i) => (i % 2 ? 2 : 4);
  const data = new DataView(new ArrayBuffer(parts.reduce((sum, part, i) => sum + part.length * width(i), 0)));
  let at = 0;
  for (const [i, part] of parts.entries()) {
    for (const number of part) {
      if (width(i) === 4) data.setUint32(at, number, true);
      else data.setUint16(at, number, true);
      at += width(i);
    }
  }
  return new Uint8Array(data.buffer);
}

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ TABLE[(value ^ byte) & 0xff];
  return ~value >>> 0;
}
