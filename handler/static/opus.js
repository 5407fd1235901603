// Samples -> an Ogg Opus file, with the browser's own encoder (WebCodecs). Sources: RFC 7845, Ogg Opus; RFC 3533, Ogg.

// Speech at 24 kbit/s is transparent to a recogniser (and to most ears).
const BIT_RATE = 24000;
// Opus counts time at 48 kHz whatever goes in.
const CLOCK_HZ = 48000;
const PACKETS_PER_PAGE = 50;
const PRE_SKIP = 312;

/**
 * Encodes mono samples.
 * @param {Float32Array} samples
 * @param {number} rate_hz one of Opus's: 8000, 12000, 16000, 24000, 48000.
 * @param {(share: number) => void} onProgress told how much of it is encoded, 0..1
 * @returns {Promise<Blob | null>} null where this browser has no Opus encoder.
 */
export async function encode(samples, rate_hz, onProgress = () => {}) {
  const config = { codec: "opus", sampleRate: rate_hz, numberOfChannels: 1, bitrate: BIT_RATE };
  const support = await window.AudioEncoder?.isConfigSupported(config).catch(() => null);
  if (!support?.supported) return null;
  const packets = [];
  let head = null;
  let failure = null;
  const encoder = new AudioEncoder({
    output: (chunk, metadata) => {
      if (metadata?.decoderConfig?.description) head ??= bytesOf(metadata.decoderConfig.description).slice();
      const packet = new Uint8Array(chunk.byteLength);
      chunk.copyTo(packet);
      packets.push({ packet, ticks: Math.round((chunk.duration / 1e6) * CLOCK_HZ) });
      onProgress(Math.min(1, ((chunk.timestamp / 1e6) * rate_hz) / samples.length));
    },
    error: (error) => (failure = error),
  });
  encoder.configure(config);
  for (let start = 0; start < samples.length; start += rate_hz) {
    const data = samples.subarray(start, start + rate_hz);
    const format = { format: "f32-planar", sampleRate: rate_hz, numberOfChannels: 1 };
    const audio = new AudioData({ ...format, numberOfFrames: data.length, timestamp: (start / rate_hz) * 1e6, data });
    encoder.encode(audio);
    audio.close();
  }
  await encoder.flush().catch((error) => (failure ??= error));
  if (encoder.state !== "closed") encoder.close();
  if (failure) return null;
  return mux(packets, head ?? headFor(rate_hz), Math.round((samples.length / rate_hz) * CLOCK_HZ));
}

function bytesOf(source) {
  return source instanceof ArrayBuffer ? new Uint8Array(source) : new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
}

function headFor(rate_hz) {
  const head = new DataView(new ArrayBuffer(19));
  [..."OpusHead"].forEach((letter, i) => head.setUint8(i, letter.charCodeAt(0)));
  head.setUint8(8, 1); // version
  head.setUint8(9, 1); // one channel
  head.setUint16(10, PRE_SKIP, true);
  head.setUint32(12, rate_hz, true);
  return new Uint8Array(head.buffer);
}

function mux(packets, head, length_ticks) {
  const skip = new DataView(head.buffer, head.byteOffset).getUint16(10, true);
  // Vendor of four letters, no comments.
  const tags = new TextEncoder().encode("OpusTags\x04\0\0\0Hark\0\0\0\0");
  const pages = [page([head], 0, 0, 2), page([tags], 0, 1, 0)];
  let ticks = 0;
  for (let start = 0; start < packets.length; start += PACKETS_PER_PAGE) {
    const some = packets.slice(start, start + PACKETS_PER_PAGE);
    ticks += some.reduce((sum, packet) => sum + packet.ticks, 0);
    const last = start + PACKETS_PER_PAGE >= packets.length;
    // The last page says where the sound ends, within its last packet.
    const position = last ? Math.min(ticks, skip + length_ticks) : ticks;
    pages.push(page(some.map(({ packet }) => packet), position, pages.length, last ? 4 : 0));
  }
  return new Blob(pages, { type: "audio/ogg" });
}

function page(packets, position, number, flags) {
  // A packet's length is written as 255s and a rest.
  const lacing = packets.flatMap(({ length }) => [...Array(Math.floor(length / 255)).fill(255), length % 255]);
  const bytes = new Uint8Array(27 + lacing.length + packets.reduce((sum, { length }) => sum + length, 0));
  const view = new DataView(bytes.buffer);
  bytes.set([0x4f, 0x67, 0x67, 0x53, 0, flags]); // "OggS", version 0
  view.setBigUint64(6, BigInt(position), true);
  view.setUint32(14, 1, true); // the stream's serial number: there is but one
  view.setUint32(18, number, true);
  bytes[26] = lacing.length;
  bytes.set(lacing, 27);
  let offset = 27 + lacing.length;
  for (const packet of packets) {
    bytes.set(packet, offset);
    offset += packet.length;
  }
  view.setUint32(22, checksum(bytes), true);
  return bytes;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value & 0x80000000 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value;
});

function checksum(bytes) {
  let value = 0;
  for (const byte of bytes) value = (value << 8) ^ TABLE[(value >>> 24) ^ byte];
  return value >>> 0;
}
