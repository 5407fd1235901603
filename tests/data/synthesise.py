"""Makes the dozen utterances in this folder: `python -m tests.data.synthesise` (needs the extra `sample`)."""

from pathlib import Path

import soundfile as sf

from events.synthesise import SAMPLE_RATE_HZ, synthesise
from training.manifest import Utterance, write_manifest

TEXTS = (
    "Open the door.", "We have two dogs.", "She sings well.", "It will rain.", "Call me at noon.", "A quick brown fox.",
    "Where is Joe?", "My zebra jumps.", "Very good work.", "The lamp is lit.", "Keep it safe.", "He lost his hat.",
)  # fmt: skip

if __name__ == "__main__":
    folder = Path(__file__).parent
    utterances = []
    for i, text in enumerate(TEXTS):
        samples = synthesise(text)
        path = folder / f"{i:02d}.ogg"
        sf.write(path, samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS")
        extra = {"speaker": "hibari", "corpus": "synthetic", "license": "MIT"}
        utterances.append(Utterance(path, len(samples) / SAMPLE_RATE_HZ, text, extra))
    write_manifest(folder / "manifest.jsonl", utterances)
