"""What an hour of audio costs on AWS: `python -m benchmarks.cost [--write]`.

Computed, not billed: from the speed that was measured (benchmarks/long_recording.json for an hour at once,
models/results.json for utterances), from how often the page asks while somebody speaks (handler/static/pace.js and
agreement.js), from the memory that template.yaml gives the functions, and from AWS's list prices. Lambda gives a
function one vCPU for 1769 MB and less in proportion, and bills memory times time:

    seconds of work = hour x real-time factor / share of a vCPU        share = min(1, MB / 1769)
    price           = seconds of work x GB x price of a GB-second + what each request costs

`--write` puts the table into docs/operations.md.
"""

import argparse
import json
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from benchmarks.documents import write_block
from benchmarks.long_figures import FIGURES, LongFigures
from hark.command import command
from hark.errors import HarkError

ROOT = Path(__file__).resolve().parent.parent

# List prices in US dollars, US East (N. Virginia), without free tiers and discounts, as public documents quoted them at
# the time below. AWS's own pages have what holds now and elsewhere: aws.amazon.com/lambda/pricing (x86),
# /api-gateway/pricing (HTTP APIs), /s3/pricing (Standard), /sqs/pricing, /transcribe/pricing (batch, first tier).
PRICES_OF = "November 2026"
GB_SECOND = 0.0000166667
LAMBDA_REQUEST = 0.20 / 1e6
API_REQUEST = 1.00 / 1e6  # for every 512 KB of it
S3_WRITE = 0.005 / 1e3
S3_READ = 0.0004 / 1e3
S3_GB_MONTH = 0.023
SQS_REQUEST = 0.40 / 1e6
TRANSCRIBE_MINUTE = 0.024

_MB_OF_A_VCPU = 1769
_HOUR_S = 3600
_PIECE_S = 15
# What a job costs beside its work: three writes (recording, record twice, result), the worker's reads, two requests to
# make it and to fetch the transcript, and ten to ask whether it is done; SQS is asked three times for each message.
_JOB_WRITES, _JOB_READS, _JOB_REQUESTS, _JOB_MESSAGES = 4, 16, 12, 3
# 16 kHz 16-bit WAV, the largest that speech is sensibly kept as.
_GB_OF_AN_HOUR = _HOUR_S * 16_000 * 2 / 1e9


@dataclass(frozen=True)
class Speed:
    """What was measured on one thread of a whole core.

    Attributes:
        long_rtf: seconds of work per second of audio, of an hour at once.
        short_rtf: the same of utterances, one by one.
        peak_mb: memory that the hour took.
    """

    long_rtf: float
    short_rtf: float
    peak_mb: int

    @classmethod
    def read(cls, root: Path = ROOT) -> "Speed":
        """Reads the figures where the benchmarks wrote them.

        Raises:
            HarkError: they are not there.
        """
        try:
            results = json.loads((root / "models" / "results.json").read_text(encoding="utf-8"))
            short_rtf = float(results["models"]["asr"]["sets"]["dev"]["joint"]["real_time_factor"])
        except (ValueError, KeyError) as error:
            raise HarkError(
                "models/results.json does not say how fast the model is; measure it: python -m benchmarks.error_rates"
            ) from error
        hour = LongFigures.read(root / "benchmarks" / FIGURES.name)
        return cls(hour.real_time_factor, short_rtf, round(hour.peak_mb))


@dataclass(frozen=True)
class Passes:
    """How often the page asks at most while somebody speaks without a pause.

    Attributes:
        requests: in a minute.
        audio_s: of each.
    """

    requests: float
    audio_s: float

    @classmethod
    def read(cls, root: Path = ROOT) -> "Passes":
        """Reads it where the page has it.

        Raises:
            HarkError: it is not there.
        """
        found = []
        for name, constant in (("pace.js", "EVERY_MS"), ("agreement.js", "LONGEST_S")):
            text = (root / "handler" / "static" / name).read_text(encoding="utf-8")
            value = re.search(rf"^const {constant} = ([\d.]+);$", text, re.MULTILINE)
            if not value:
                raise HarkError(f"handler/static/{name} has no {constant}, so nobody knows how often the page asks.")
            found.append(float(value[1]))
        every_ms, longest_s = found
        return cls(60_000 / every_ms, longest_s)

    @property
    def audio_minutes(self) -> float:
        """Minutes of audio that are sent in a minute."""
        return self.requests * self.audio_s / 60


def memory_mb(root: Path = ROOT) -> int:
    """Returns the memory that template.yaml gives the functions that transcribe.

    Raises:
        HarkError: it does not say.
    """
    template = (root / "template.yaml").read_text(encoding="utf-8")
    found = re.search(r"^  MemorySize:\n(?:    .*\n)*?    Default: (\d+)$", template, re.MULTILINE)
    if not found:
        raise HarkError("template.yaml has no default for MemorySize.")
    return int(found[1])


def work(rtf: float, mb: int) -> float:
    """Returns the dollars for an hour's work, at a real-time factor that was measured on a whole core."""
    seconds = _HOUR_S * rtf / min(1.0, mb / _MB_OF_A_VCPU)
    return seconds * mb / 1024 * GB_SECOND


def as_requests(speed: Speed, mb: int) -> float:
    """Returns the dollars for an hour in requests of 15 s."""
    return work(speed.short_rtf, mb) + _HOUR_S / _PIECE_S * (API_REQUEST + LAMBDA_REQUEST)


def as_job(speed: Speed, mb: int) -> float:
    """Returns the dollars for an hour as one job."""
    requests = _JOB_REQUESTS * (API_REQUEST + LAMBDA_REQUEST) + LAMBDA_REQUEST
    objects = _JOB_WRITES * S3_WRITE + _JOB_READS * S3_READ
    return work(speed.long_rtf, mb) + requests + objects + _JOB_MESSAGES * SQS_REQUEST


def as_live(speed: Speed, passes: Passes, mb: int) -> float:
    """Returns the dollars for a minute of text that is read on the page while it is spoken."""
    return passes.audio_minutes * work(speed.short_rtf, mb) / 60 + passes.requests * (API_REQUEST + LAMBDA_REQUEST)


def table(speed: Speed, passes: Passes, mb: int) -> str:
    """Lays the table out as Markdown."""
    rows = [
        (f"Hark, {_HOUR_S // _PIECE_S} requests of {_PIECE_S} s", f"{as_requests(speed, mb):.5f}"),
        ("Hark, one job of an hour", f"{as_job(speed, mb):.5f}"),
        ("[text while you speak](page.md#text-while-you-speak), besides", f"{60 * as_live(speed, passes, mb):.5f}"),
        ("keeping that hour as 16 kHz WAV in the bucket for 30 days", f"{_GB_OF_AN_HOUR * S3_GB_MONTH:.5f}"),
        ("Amazon Transcribe, standard batch, list price", f"{60 * TRANSCRIBE_MINUTE:.2f}"),
    ]
    share = min(1.0, mb / _MB_OF_A_VCPU)
    seconds = _HOUR_S * speed.long_rtf / share
    formula = (
        f"A function of {mb} MB has {share:.3f} of a vCPU, so an hour as a job is {_HOUR_S} s x {speed.long_rtf} / "
        f"{share:.3f} = {seconds:.1f} s of work; times {mb / 1024:g} GB, times ${GB_SECOND:.10f} for a GB-second, that "
        f"is ${work(speed.long_rtf, mb):.5f}. Requests, objects and messages make up the rest. Utterances in requests "
        f"of their own take {speed.short_rtf} s of a whole core per second. Text while somebody speaks is "
        f"{passes.requests:.0f} requests of {passes.audio_s:g} s a minute at most. Computed from speeds "
        f"measured on a cloud VM and list prices for US East, {PRICES_OF}, without free tiers; cold starts come on top."
    )
    head = ["| an hour of audio | US dollars |", "|---|---|"]
    return "\n".join([*head, *(f"| {name} | {price} |" for name, price in rows), "", *textwrap.wrap(formula, 118)])


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/operations.md")
    options = parser.parse_args(arguments)
    block = table(Speed.read(), Passes.read(), memory_mb())
    if options.write:
        write_block(ROOT / "docs" / "operations.md", "benchmarks.cost", block)
    print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
