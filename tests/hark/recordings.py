"""Whole recordings of every kind that is read, as programs write them."""

import io
import struct
import tempfile
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import soxr

from tests.conftest import encode
from tests.hark.media_files import MEDIA, encode_media

RATE_HZ = 16_000

Make = Callable[[np.ndarray], bytes]


def muxed(
    samples: np.ndarray, muxer: str, codec: str, rate_hz: int = RATE_HZ, bit_rate: int = 64_000, **options: str
) -> bytes:
    """Returns [samples] float32 at `RATE_HZ` in a container of FFmpeg's, at a rate of its own."""
    samples = samples if rate_hz == RATE_HZ else soxr.resample(samples, RATE_HZ, rate_hz)
    with tempfile.NamedTemporaryFile() as file:  # some muxers read what they wrote
        with av.open(file.name, "w", format=muxer, options=options) as container:
            stream: Any = container.add_stream(codec, rate=rate_hz, layout="mono")
            stream.bit_rate = bit_rate
            resampler = av.AudioResampler(stream.codec_context.codec.audio_formats[0], "mono", rate_hz)
            for start in range(0, len(samples), rate_hz):
                block = np.ascontiguousarray(samples[None, start : start + rate_hz], np.float32)
                frame = av.AudioFrame.from_ndarray(block, "flt", "mono")
                frame.sample_rate, frame.pts = rate_hz, start
                for part in resampler.resample(frame):
                    container.mux(stream.encode(part))
            for part in resampler.resample(None):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return file.read()


def wav_of_mp3(samples: np.ndarray) -> bytes:
    """A WAV file of MP3 (tag 0x55)."""
    stream = encode(samples, RATE_HZ, "MP3")
    fmt = struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE_HZ, 8000, 1, 0, 12, 1, 2, 576, 1, 1105)
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"fact" + struct.pack("<II", 4, len(samples))
    chunks += b"data" + struct.pack("<I", len(stream)) + stream + bytes(len(stream) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def rf64(samples: np.ndarray) -> bytes:
    """libsndfile makes a plain WAV of what is short."""
    content = encode(samples, RATE_HZ)[44:]
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    sizes = b"ds64" + struct.pack("<IQQQI", 28, len(content) + 72, len(content), len(samples), 0)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + fmt + b"data\xff\xff\xff\xff" + content


def vbri(samples: np.ndarray) -> bytes:
    """An MP3 with the header of Fraunhofer's encoder in its first frame."""
    frames = muxed(samples, "mp3", "libmp3lame", 44_100, write_xing="0", id3v2_version="0")
    first = bytearray(frames[: 144 * 64_000 // 44_100])
    count = round(len(samples) / RATE_HZ * 44_100 / 1152)
    first[4:] = bytes(len(first) - 4)
    header = struct.pack(">4sHHHIIHHHH", b"VBRI", 1, 0, 75, len(frames) + len(first), count, 0, 1, 2, 100)
    first[36 : 36 + len(header)] = header
    return bytes(first) + frames


def tagged_mp3(samples: np.ndarray) -> bytes:
    """A podcast's MP3: ID3v2.3 with a picture in front, a count of frames, ID3v1 behind."""
    picture = b"APIC" + struct.pack(">IH", 3013, 0) + b"\0image/jpeg\0\3\0" + bytes(range(250)) * 12
    size = len(picture)
    tag = b"ID3\3\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + picture
    return tag + encode(samples, RATE_HZ, "MP3") + b"TAG" + b"Title".ljust(125, b"\0")


def amr_wide(samples: np.ndarray) -> bytes:
    """Sounds of any parameters in frames of 12.65 kbit/s: nobody but 3GPP has an encoder."""
    rng = np.random.default_rng(0)
    count = int(len(samples) / RATE_HZ * 50)
    return b"#!AMR-WB\n" + b"".join(b"\x14" + rng.integers(0, 256, 32, np.uint8).tobytes() for _ in range(count))


def caf_of_aac(samples: np.ndarray) -> bytes:
    """What iOS's recorder writes: packets of AAC, with a table of their sizes."""
    stream = muxed(samples, "adts", "aac")
    packets, at = [], 0
    while at < len(stream):
        size = (stream[at + 3] & 3) << 11 | stream[at + 4] << 3 | stream[at + 5] >> 5
        packets.append(stream[at + 7 : at + size])
        at += size
    config = b"\x14\x08"  # AAC-LC, 16 kHz, mono
    decoder = b"\x40\x15" + bytes(3) + struct.pack(">II", 64_000, 64_000) + b"\x05" + bytes([len(config)]) + config
    descriptor = bytes(3) + b"\x04" + bytes([len(decoder)]) + decoder + b"\x06\x01\x02"
    sizes = b"".join(bytes([0x80 | len(packet) >> 7, len(packet) & 127]) for packet in packets)
    table = struct.pack(">qqii", len(packets), len(packets) * 1024, 0, 0) + sizes
    chunks = (
        (b"desc", struct.pack(">d4sIIIII", RATE_HZ, b"aac ", 0, 0, 1024, 1, 0)),
        (b"kuki", bytes(4) + b"\x03" + bytes([len(descriptor)]) + descriptor),
        (b"pakt", table),
        (b"data", bytes(4) + b"".join(packets)),
    )
    return b"caff\0\1\0\0" + b"".join(name + struct.pack(">Q", len(body)) + body for name, body in chunks)


def remuxed(data: bytes, from_format: str, muxer: str) -> bytes:
    """Returns the same packets in another container."""
    with tempfile.NamedTemporaryFile() as file:
        with av.open(io.BytesIO(data), format=from_format) as source, av.open(file.name, "w", format=muxer) as target:
            stream = target.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(source.streams.audio[0]):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        return file.read()


def _of_libsndfile(format_: str, subtype: str | None = None) -> Make:
    return lambda samples: encode(samples, RATE_HZ, format_, subtype)


def _of_media(name: str) -> Make:
    return lambda samples: encode_media(np.ascontiguousarray(samples[:, None]), RATE_HZ, name)


def _of_ffmpeg(muxer: str, codec: str, rate_hz: int = RATE_HZ, bit_rate: int = 64_000, **options: str) -> Make:
    return lambda samples: muxed(samples, muxer, codec, rate_hz, bit_rate, **options)


_SUBTYPES = [
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("WAV", "MS_ADPCM"), ("WAV", "IMA_ADPCM"), ("WAV", "GSM610"),
    ("WAVEX", "PCM_24"), ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AIFF", "ULAW"), ("AU", "PCM_16"), ("CAF", "PCM_16"),
    ("CAF", "ALAC_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None),
]  # fmt: skip

RECORDINGS: dict[str, Make] = {
    **{f"{format_} {subtype or ''}".strip(): _of_libsndfile(format_, subtype) for format_, subtype in _SUBTYPES},
    **{name: _of_media(name) for name in MEDIA},
    "RF64": rf64,
    "MP3 in WAV": wav_of_mp3,
    "MP3 with VBRI": vbri,
    "MP3 with tags": tagged_mp3,
    "MP3 without a count": _of_ffmpeg("mp3", "libmp3lame", write_xing="0", id3v2_version="0"),
    "MP2": _of_ffmpeg("mp2", "mp2"),
    "AC-3": _of_ffmpeg("ac3", "ac3", 48_000),
    "E-AC-3": _of_ffmpeg("eac3", "eac3", 48_000),
    "Ogg with FLAC": _of_ffmpeg("ogg", "flac"),
    "AIFF of FFmpeg": _of_ffmpeg("aiff", "pcm_s16be"),
    "AIFC, little-endian": _of_ffmpeg("aiff", "pcm_s16le"),
    "CAF of FFmpeg": _of_ffmpeg("caf", "pcm_s16be"),
    "QuickTime with A-law": _of_ffmpeg("mov", "pcm_alaw", 8_000),
    "AMR": _of_ffmpeg("amr", "libopencore_amrnb", 8_000, 12_200),
    "AMR-WB": amr_wide,
    "CAF with AAC": caf_of_aac,
    "GSM": lambda samples: encode(soxr.resample(samples, RATE_HZ, 8_000), 8_000, "RAW", "GSM610"),
    "SBC": _of_ffmpeg("sbc", "sbc", bit_rate=128_000),
    "mp4 with Opus, in fragments": _of_ffmpeg("mp4", "libopus", 48_000, movflags="frag_keyframe+empty_moov"),
    "CAF with IMA ADPCM": _of_ffmpeg("caf", "adpcm_ima_qt"),
    "WAV with G.722": _of_ffmpeg("wav", "g722"),
    "3GP with AMR": _of_ffmpeg("3gp", "libopencore_amrnb", 8_000, 12_200),
    "3GP with AMR-WB": lambda samples: remuxed(amr_wide(samples), "amr", "3gp"),
    "M4A of an iPhone": _of_ffmpeg("ipod", "aac", 48_000),
    "MPEG-PS": _of_ffmpeg("mpeg", "mp2", 48_000),
    "AVI with MP3": _of_ffmpeg("avi", "libmp3lame"),
    "FLV with MP3": _of_ffmpeg("flv", "libmp3lame", 22_050),
    "MPEG-TS with MP2": _of_ffmpeg("mpegts", "mp2", 48_000),
}
