"""What the documents claim is what the files in the repository hold."""

import json
import re
import tomllib

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

from benchmarks import readme
from handler.settings import Settings
from hark.decoding import Tuning
from hark.language_model import LanguageModel
from hark.recognizer import Recognizer
from tests.conftest import EVENTS, ROOT, Post

README = (ROOT / "README.md").read_text()
CARD = (ROOT / "models" / "MODEL_CARD.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RESULTS = json.loads((ROOT / "models" / "results.json").read_text())
MODEL = ROOT / "models" / "asr.onnx"
KEYWORDS_CARD = (ROOT / "models" / "KEYWORDS_CARD.md").read_text()
KEYWORDS_MODEL = ROOT / "models" / "keywords.onnx"


def test_the_card_states_what_the_export_measured(recognizer: Recognizer) -> None:
    measured = recognizer.spec.measured
    assert measured["precision"] == "int8"
    assert f"**{measured['wer']:.3f}** ({measured['cer']:.3f})" in CARD
    assert f"{measured['fp32_wer']:.3f} ({measured['fp32_cer']:.3f})" in CARD


def test_readme_and_card_state_the_error_rates_of_the_default_decoder(recognizer: Recognizer) -> None:
    ours = RESULTS["models"]["asr"]
    assert ours["model"] == f"{recognizer.spec.name} {recognizer.spec.version}"
    # On recordings that chose nothing; the card has the others, too.
    assert set(readme.SETS) <= set(ours["sets"])
    sizes = {name: path.stat().st_size for name, path in readme.FILES.items()}
    assert readme.figures(RESULTS, sizes) in README
    for decoders in ours["sets"].values():
        for figures in decoders.values():
            assert f"{figures['wer']:.3f} ({figures['cer']:.3f})" in CARD


def test_the_cards_state_what_the_beam_search_was_measured_to_do(recognizer: Recognizer) -> None:
    tuning = Tuning.beside(MODEL)
    assert tuning.measured["model"] == f"{recognizer.spec.name} {recognizer.spec.version}"
    assert f"**{tuning.measured['wer']:.3f}** ({tuning.measured['cer']:.3f})" in CARD
    card = (ROOT / "models" / "LM_CARD.md").read_text()
    assert f"{Settings.language_model_path.stat().st_size:,} bytes".replace(",", " ") in card
    about = LanguageModel(Settings.language_model_path).about
    for name in ("words", "bigrams", "trigrams", "sentences"):
        assert f"{about[name]:,}".replace(",", " ") in card


def test_readme_and_model_card_describe_this_model(recognizer: Recognizer) -> None:
    assert f"# Model card: {recognizer.spec.name} {recognizer.spec.version}" in CARD
    assert f"{MODEL.stat().st_size:,} bytes".replace(",", " ") in CARD
    assert RESULTS["models"]["asr"]["bytes"] == MODEL.stat().st_size


def test_the_card_of_the_keyword_model_describes_it_and_states_its_measured_accuracy() -> None:
    spec = Recognizer(KEYWORDS_MODEL, "keywords").spec
    size = KEYWORDS_MODEL.stat().st_size
    assert size <= 6_000_000
    assert f"# Model card: {spec.name} {spec.version}" in KEYWORDS_CARD
    assert f"{size:,} bytes".replace(",", " ") in KEYWORDS_CARD
    for document in ((ROOT / "docs" / "keywords.md").read_text(), KEYWORDS_CARD):
        assert f"**{100 * spec.measured['accuracy']:.1f} %**" in document


def test_the_reply_in_the_readme_is_what_the_endpoint_replies(post: Post) -> None:
    shown = re.search(r"```console\n\$ curl .*?\n(\{.*?\})\n```", README, re.DOTALL)
    assert shown
    # The README leaves words out where it shows an ellipsis.
    claimed = json.loads(re.sub(r",\s*\.\.\.", "", shown[1]))
    status, _, reply = post("/transcribe", (EVENTS / "sample.wav").read_bytes())
    assert status == 200
    assert set(claimed) == set(reply)
    assert claimed["text"] == reply["text"]
    assert claimed["model"] == reply["model"]
    assert claimed["duration"] == reply["duration"]
    for ours, theirs in zip(claimed["words"], reply["words"], strict=False):
        assert ours["word"] == theirs["word"]
        times = [ours["start"], ours["end"]], [theirs["start"], theirs["end"]]
        np.testing.assert_allclose(*times, atol=0.05)  # another processor may round to a neighbouring frame


def test_the_readme_states_what_fine_tuning_was_measured_to_do() -> None:
    training = (ROOT / "docs" / "training.md").read_text()
    claimed = re.search(r"(hark-base [\d.]+) recognised ([\d.]+ %)\s+before and ([\d.]+ %)\s+after", README)
    assert claimed
    assert f"| {claimed[1]} | {claimed[2]} | {claimed[3]} |" in training


def test_the_readme_shows_what_make_run_prints() -> None:
    # Another processor may round to a neighbouring frame.
    def without_numbers(text: str) -> str:
        return re.sub(r"[\s\d.]+", " ", text)

    assert without_numbers(readme.first_run()) in without_numbers(README)


def test_direct_dependencies_are_pinned_as_in_the_constraints() -> None:
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        requirement = Requirement(line)
        pinned[requirement.name.lower().replace("_", "-")] = str(requirement.specifier)
    needed = {"": PROJECT["project"]["dependencies"], **PROJECT["project"]["optional-dependencies"]}
    for name, extra in needed.items():
        for line in extra:
            requirement = Requirement(line)
            key = requirement.name.lower().replace("_", "-")
            # What only these need is not installed where `make lock` runs; their own pins are exact too.
            if key in pinned or name not in ("synthesize", "pseudo-label"):
                assert key == "hark-asr" or pinned[key] == str(requirement.specifier), line
            assert key == "hark-asr" or str(requirement.specifier).startswith("=="), line


def test_the_image_is_built_of_the_pinned_versions_by_their_hashes() -> None:
    text = (ROOT / "requirements-image.txt").read_text()
    lines = [line for line in text.replace("\\\n", "").splitlines() if not line.startswith("#")]
    image = {}
    for line in lines:
        found = re.fullmatch(r"(\S+)==(\S+)(?:\s+--hash=sha256:[0-9a-f]{64}){1,2}", line)
        assert found, line
        image[found[1].lower().replace("_", "-")] = found[2]
    project, extras = PROJECT["project"], PROJECT["project"]["optional-dependencies"]
    for requirement in map(Requirement, [*project["dependencies"], *extras["serve"], *extras["lambda"]]):
        assert image[requirement.name.lower()] == str(requirement.specifier).removeprefix("==")
    for constraint in map(Requirement, (ROOT / "constraints.txt").read_text().splitlines()):
        name = constraint.name.lower().replace("_", "-")
        assert name not in image or image[name] == str(constraint.specifier).removeprefix("=="), name


def test_torch_is_pinned_exactly() -> None:
    assert "torch==2.13.0" in PROJECT["project"]["optional-dependencies"]["train"]


@pytest.mark.parametrize("name", ["base", "fine-tune", "seed", "small", "keywords", "keywords-small", "keywords-seed"])
def test_configs_are_yaml_with_a_comment_on_top(name: str) -> None:
    text = (ROOT / "training" / "configs" / f"{name}.yaml").read_text()
    assert text.startswith("# ")
    assert yaml.safe_load(text)["name"] == f"hark-{name}"


def test_the_guide_names_only_parameters_that_exist() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    template = (ROOT / "template.yaml").read_text()
    for name in re.findall(r"`([A-Z][a-z][a-zA-Z]+)(?:=\w+)?`", guide):
        assert re.search(rf"^  {name}:$", template, re.MULTILINE), name
