"""What `benchmarks.load` sees, and what it says of it."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

# A cold start, and what is made with the first requests and then kept, is no growth.
_WARM = 50
MOST_GROWTH_MB = 5.0


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Attributes:
        statuses: of all tries; 0 where there was no answer.
        seconds: from when it was due until it was answered.
        is_own: whether the transcript was that of its recording.
    """

    statuses: tuple[int, ...]
    seconds: float
    is_own: bool

    @property
    def is_lost(self) -> bool:
        """Says whether it never got a transcript."""
        return self.statuses[-1] != 200


@dataclass(frozen=True)
class Look:
    """The memory of an instance at a moment.

    Attributes:
        at_s: since the beginning.
        number: of the instance.
        answered: how many requests it had answered.
        memory_mb: of the handler's process, resident.
    """

    at_s: float
    number: int
    answered: int
    memory_mb: float


@dataclass
class Run:
    """What was seen.

    Attributes:
        seconds: how long.
        rate_hz: requests a second.
        instances: how many at the same time.
        load: of the machine before and at the end, as the system tells it.
        outcomes: of the requests.
        looks: at the instances that were spared.
        counts: of `fleet.Fleet`.
        faults: likewise.
    """

    seconds: float
    rate_hz: float
    instances: int
    load: tuple[float, float] = (0.0, 0.0)
    outcomes: list[Outcome] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Requests that never got a transcript."""
        return sum(outcome.is_lost for outcome in self.outcomes)

    @property
    def crossed(self) -> int:
        """Transcripts that were not those of their recordings."""
        return sum(not outcome.is_lost and not outcome.is_own for outcome in self.outcomes)

    @property
    def growth_mb(self) -> float:
        """How much an instance grew in 1000 requests: the slope of memory over requests, by least squares."""
        return 1000 * slope(self.looks)

    def wrong(self) -> list[str]:
        """Says what should not be."""
        found = []
        if self.lost:
            found.append(f"{self.lost} requests got no transcript")
        if self.crossed:
            found.append(f"{self.crossed} transcripts were those of other recordings")
        if self.counts["faults"]:
            found.append(f"{self.counts['faults']} instances failed that nobody killed, such as {self.faults[:1]}")
        if not self.looks:
            found.append("the memory of no instance was seen")
        if self.growth_mb > MOST_GROWTH_MB:
            found.append(f"memory grew by {self.growth_mb:.1f} MB in 1000 requests")
        return found

    def table(self) -> str:
        """Says it in Markdown."""
        took = sorted(outcome.seconds for outcome in self.outcomes)
        tries = Counter(len(outcome.statuses) for outcome in self.outcomes)
        again = ", ".join(f"{tries[count]} {count - 1}x" for count in sorted(tries) if count > 1)
        statuses = Counter(status for outcome in self.outcomes for status in outcome.statuses)
        rows = [
            ("requests", f"{len(self.outcomes)} in {self.seconds / 60:.1f} minutes, {self.rate_hz:g} a second"),
            ("instances at the same time, and in all", f"{self.instances}, {self.counts['started']}"),
            ("killed in mid-request", f"{self.counts['killed']}"),
            ("answered with 500, with 503, not at all", f"{statuses[500]}, {statuses[503]}, {statuses[0]}"),
            ("tried again", again or "none"),
            ("lost", f"{self.lost}"),
            ("crossed", f"{self.crossed}"),
            ("time, median, 95 % and 99 %", ", ".join(f"{1000 * quantile(took, q):.0f} ms" for q in (0.5, 0.95, 0.99))),
            ("memory of an instance, by time", " -> ".join(f"{each:.0f}" for each in curve(self.looks)) + " MB"),
            ("memory, growth in 1000 requests", f"{self.growth_mb:+.2f} MB, {MOST_GROWTH_MB:g} at most"),
            ("load of the machine, before and at the end", "{:.1f}, {:.1f}".format(*self.load)),
        ]
        return "\n".join(["| what | seen |", "|---|---|", *(f"| {name} | {seen} |" for name, seen in rows)])


def quantile(ordered: Sequence[float], share: float) -> float:
    """Returns the value below which a share of the ordered values lies; 0 where there are none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def warm(looks: Sequence[Look]) -> list[Look]:
    """Returns the looks at instances after their first requests."""
    return [look for look in looks if look.answered >= _WARM]


def curve(looks: Sequence[Look], points: int = 6) -> list[float]:
    """Returns the mean memory of the instances in equal parts of the time."""
    counted = warm(looks)
    if not counted:
        return []
    first, last = counted[0].at_s, counted[-1].at_s
    parts: dict[int, list[float]] = {}
    for look in counted:
        parts.setdefault(min(points - 1, int(points * (look.at_s - first) / (last - first + 1e-9))), []).append(
            look.memory_mb
        )
    return [statistics.fmean(parts[part]) for part in sorted(parts)]


def slope(looks: Sequence[Look]) -> float:
    """Returns MB per request: one slope for all instances, each with a level of its own; 0 where it cannot be told."""
    above, below = 0.0, 0.0
    counted = warm(looks)
    for number in {look.number for look in counted}:
        own = [look for look in counted if look.number == number]
        x, y = (np.array([getattr(look, name) for look in own], float) for name in ("answered", "memory_mb"))
        above += float(((x - x.mean()) * (y - y.mean())).sum())
        below += float(((x - x.mean()) ** 2).sum())
    return above / below if below else 0.0
