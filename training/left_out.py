"""The recordings of the training manifests that a run does without, and why."""

from pathlib import Path

from training.counts import counted

# How many of each kind are named where there is little room; the file that `write` makes names all.
_NAMED = 3


class LeftOut:
    """Recordings that cannot be learnt from, by what is wrong with them."""

    def __init__(self) -> None:
        self.by_reason: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self.by_reason.values()))

    def add(self, reason: str, path: Path, detail: str = "") -> None:
        """Counts a recording.

        Args:
            reason: what follows "3 recordings", such as "with audio that cannot be read".
            path: of the recording.
            detail: what is wrong with this one.
        """
        self.by_reason.setdefault(reason, []).append(f"{path}: {detail}" if detail else str(path))

    def notes(self) -> list[str]:
        """Returns a sentence for each reason, with the number of recordings and the first of them."""
        return [
            f"{counted(len(named), 'recording')} {reason} left out, "
            f"{'the first: ' if len(named) > _NAMED else ''}{'; '.join(each.rstrip('.') for each in named[:_NAMED])}."
            for reason, named in self.by_reason.items()
        ]

    def summary(self) -> str:
        """Returns the numbers and the first recording of each reason, for the end of a sentence."""
        return "; ".join(f"{counted(len(named), 'recording')} {reason} ({named[0].rstrip('.')})"
                         for reason, named in self.by_reason.items())  # fmt: skip

    def write(self, path: Path) -> None:
        """Writes all of them to a text file, by reason."""
        lines = [
            line for reason, named in self.by_reason.items() for line in (reason, *(f"    {each}" for each in named))
        ]
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
