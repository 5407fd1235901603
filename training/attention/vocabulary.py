"""Which subwords of a published vocabulary an attention decoder keeps."""

from collections.abc import Mapping, Sequence

from hark.subwords import Subwords


def choose(counts: Mapping[str, int], joined: Sequence[str], most: int) -> Subwords:
    """Chooses the subwords that texts need.

    Args:
        counts: how often each word is used.
        joined: a published vocabulary's subwords that are made of the texts' characters, in the order in which they
            were learnt.
        most: how many to keep.

    Returns:
        the vocabulary.
    """
    characters = [token for token in joined if len(token) == 1]
    kept = list(joined)
    # In the second pass the parts of what was not kept in the first count, too.
    for _ in range(2):
        vocabulary = Subwords(joined, kept)
        used = dict.fromkeys(joined, 0)
        for word, count in counts.items():
            for token in vocabulary.ids(word) or ():
                used[vocabulary.tokens[token]] += count
        frequent = sorted(used, key=lambda token: -used[token])
        kept = list(dict.fromkeys([*characters, *frequent]))[:most]
    chosen = set(kept)
    return Subwords(joined, [token for token in joined if token in chosen])
