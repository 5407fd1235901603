"""The network that gives the words of a transcript punctuation and capitals: its texts, its training, its figures."""
