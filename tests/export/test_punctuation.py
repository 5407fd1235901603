"""The exported punctuation model is the network, small, and what Hark reads."""

from pathlib import Path

import numpy as np
import pytest
import torch

from export import punctuation
from export.balance import Scored, balance
from export.errors import ProofError
from hark.punctuation import PunctuationSpec, Punctuator, packed
from tests.training.punctuation import toy
from training.punctuation.network import PunctuationNetwork, Shape

SHAPE = Shape(embedding=8, gap_embedding=4, rnn_size=12)
SPEC = PunctuationSpec("toy", "1", packed(["she", "sees"]), 32, (0.1, 0.3, 1.0), {"mcdonald": "McDonald"})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    network = PunctuationNetwork(SHAPE, SPEC.table_rows, len(SPEC.gap_edges_s) + 2)
    path = tmp_path_factory.mktemp("checkpoint") / "best.ckpt"
    torch.save({"network": network.state_dict(), "spec": SPEC.to_json(), "shape": vars(SHAPE)}, path)
    return path


def test_the_file_is_the_network_with_its_spec(checkpoint: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "new" / "punctuation.onnx"
    punctuation.export(checkpoint, toy.texts(1, 40), "toy", output, None, ["iPhone", "NASA"], max_loss=1)
    assert "equal to PyTorch at 5 lengths" in capsys.readouterr().out
    model = Punctuator(output)
    assert model.spec.mixed_case == SPEC.mixed_case
    assert model.spec.lexicon == {"iphone": "iPhone", "nasa": "NASA"}
    assert model.spec.measured["on"] == "toy"
    assert set(model.spec.measured["f1"]) == {"sentence end", "comma", "question mark", "capital"}
    network, spec = punctuation.load_checkpoint(checkpoint)
    drawn = punctuation.inputs(spec, 9, 5)
    with torch.no_grad():
        marks, cases = network(*drawn)
    assert [each.shape for each in (marks, cases)] == [(1, 9, 4), (1, 9, 3)]
    found = model.run(["she", "sees", "paris"], [0.1, None, np.inf])
    assert [each.shape for each in found] == [(3, 4), (3, 3)]
    assert np.allclose(np.exp(found[0]).sum(1), 1, atol=1e-5)
    assert [path.name for path in output.parent.iterdir()] == ["punctuation.onnx"]


def test_a_graph_that_is_not_the_network_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    network, spec = punctuation.load_checkpoint(checkpoint)
    punctuation.trace(network, spec, tmp_path / "graph.onnx")
    assert punctuation.prove(network, spec, tmp_path / "graph.onnx") < 1e-4
    with torch.no_grad():
        network.marks.bias.add_(1)
        network.marks.bias[0] = -2
    with pytest.raises(ProofError, match="differs from the network"):
        punctuation.prove(network, spec, tmp_path / "graph.onnx")


def test_a_file_that_loses_too_much_is_not_written(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ProofError, match="mean F1"):
        punctuation.export(checkpoint, toy.texts(1, 40), "toy", tmp_path / "out.onnx", max_loss=-1)
    assert list(tmp_path.iterdir()) == []


def test_what_is_added_makes_the_best_of_precision_and_recall() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(4000) < 0.2).astype(np.int64)
    # Sure of itself, but for a threshold that is much too high.
    shown = truth * 2.0 + rng.normal(0, 0.3, len(truth)) - 2.0
    marks = np.zeros((len(truth), 4), np.float32)
    marks[:, 2:] = -9
    marks[:, 1] = shown
    cases = np.zeros((len(truth), 3), np.float32)
    cases[:, 2] = -9
    cases[:, 1] = shown
    made = Scored(marks, cases, truth, truth)
    nothing = np.zeros(4), np.zeros(3)
    mark_bias, case_bias = balance([made])
    assert 0.6 <= mark_bias[1] <= 1.4
    assert mark_bias[0] == case_bias[0] == 0
    assert case_bias[1] == case_bias[2] >= 0.6
    assert made.mean_f1(mark_bias, case_bias) > made.mean_f1(*nothing) + 0.1
