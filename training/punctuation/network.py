"""The network: words, as rows of a table, and classes of gaps in, log-probabilities of marks and cases out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hark.punctuation import CASES, MARKS, ROWS


@dataclass
class Shape:
    """How large the network is.

    Attributes:
        embedding: numbers in a row of the table.
        gap_embedding: numbers that stand for a class of gaps.
        rnn_size: of each direction of each layer.
        rnn_layers: how many layers.
        dropout: between layers, while it learns.
    """

    embedding: int = 50
    gap_embedding: int = 16
    rnn_size: int = 192
    rnn_layers: int = 2
    dropout: float = 0.3


class PunctuationNetwork(nn.Module):
    """Bidirectional LSTMs over words; a word is the sum of its rows.

    Args:
        shape: how large it is.
        table_rows: of the spec.
        gap_classes: how many classes of gaps there are, the one for unknown gaps included.
    """

    def __init__(self, shape: Shape, table_rows: int, gap_classes: int) -> None:
        super().__init__()
        self.table = nn.Embedding(table_rows, shape.embedding)
        nn.init.normal_(self.table.weight, std=ROWS**-0.5)
        self.gaps = nn.Embedding(gap_classes, shape.gap_embedding)
        sizes = [shape.embedding + shape.gap_embedding] + [2 * shape.rnn_size] * (shape.rnn_layers - 1)
        self.rnns = nn.ModuleList(nn.LSTM(size, shape.rnn_size, batch_first=True, bidirectional=True) for size in sizes)
        self.dropout = nn.Dropout(shape.dropout)
        self.marks = nn.Linear(2 * shape.rnn_size, len(MARKS))
        self.cases = nn.Linear(2 * shape.rnn_size, len(CASES))

    def forward(self, rows: Tensor, gaps: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, words, rows] and [batch, words] -> [batch, words, marks] and [batch, words, cases]."""
        hidden = torch.cat([self.table(rows).sum(2), self.gaps(gaps)], dim=2)
        for rnn in self.rnns:
            hidden = rnn(self.dropout(hidden))[0]
        hidden = self.dropout(hidden)
        return self.marks(hidden).log_softmax(-1), self.cases(hidden).log_softmax(-1)
