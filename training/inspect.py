"""Draws what training and models do, as PNG: `python -m training.inspect SUBCOMMAND ... [--output FILE.png]`.

    python -m training.inspect augmentation data/train.jsonl --index 3
    python -m training.inspect augmentation data/train.jsonl augment.tempo_change=0.3 --config my.yaml
    python -m training.inspect emissions recording.wav --model models/asr.onnx
    python -m training.inspect curves runs/first runs/second --x time
    python -m training.inspect confusion report.json   # of a keyword model
    python -m training.inspect errors report.json      # of python -m training.evaluate MANIFEST --json report.json

Without --output the figure goes to the current folder, under a name made of its input's.
"""

import argparse
import sys
from pathlib import Path

from matplotlib.figure import Figure

from hark.command import command
from hark.errors import RequestError
from training.config import model_spec
from training.config_files import load_config
from training.evaluate import load_runner
from training.manifest import read_manifest
from training.missing_data import leave_out_folders
from training.plots import augmentation, confusion, curves, emissions, error_rates
from training.plots.errors import PlotError
from training.plots.style import save

# Draws speed, tempo and vocal tract far from the recording's own, so that the change can be seen.
_SEED = 76


def draw_augmentation(options: argparse.Namespace) -> tuple[Figure, str]:
    """Returns the figure of an utterance of a manifest, and its default name."""
    config = load_config(options.config, options.overrides)
    for note in leave_out_folders(config.augment, options.overrides):
        print(f"note: {note}", file=sys.stderr)
    utterances = read_manifest(options.manifest)
    if not 0 <= options.index < len(utterances):
        raise PlotError(f"{options.manifest} has utterances 0 to {len(utterances) - 1}, and no {options.index}.")
    utterance, spec = utterances[options.index], model_spec(config)
    panels = augmentation.augmented(utterance, config.augment, spec, options.seed)
    title = f"{utterance.audio_path.name}: {utterance.text}"
    return augmentation.draw(panels, title, spec), f"{utterance.audio_path.stem}-augmentation.png"


def draw_emissions(options: argparse.Namespace) -> tuple[Figure, str]:
    """Returns the figure of a recording, and its default name."""
    runner = load_runner(options.model)
    try:
        windows, transcript = emissions.listen(options.audio.read_bytes(), runner)
    except OSError as error:
        raise PlotError(f"The recording {options.audio} cannot be read: {error}.") from error
    except RequestError as error:
        raise PlotError(f"The recording {options.audio} cannot be read: {error}") from error
    part_s = emissions.shown_part(transcript.duration_s, options.start, options.end)
    part = (
        ""
        if part_s == (0, transcript.duration_s)
        else f", {part_s[0]:g} to {part_s[1]:g} s of {transcript.duration_s:.1f} s"
    )
    title = f"{options.audio.name}{part}, heard by {runner.spec.name} {runner.spec.version}"
    return emissions.draw(windows, transcript, runner.spec, part_s, title), f"{options.audio.stem}-emissions.png"


def draw_curves(options: argparse.Namespace) -> tuple[Figure, str]:
    """Returns the figure of one or more runs, and its default name."""
    runs = [curves.read_run(folder) for folder in options.folders]
    name = f"{runs[0].name}-curves.png" if len(runs) == 1 else "curves.png"
    return curves.draw(runs, options.x), name


def draw_errors(options: argparse.Namespace) -> tuple[Figure, str]:
    """Returns the figure of an evaluation's report, and its default name."""
    report = error_rates.read_report(options.report)
    title = f"{Path(report.get('model', 'model')).name} on {Path(report.get('manifest', options.report)).name}"
    return error_rates.draw(report, title), f"{options.report.stem}-errors.png"


def draw_confusion(options: argparse.Namespace) -> tuple[Figure, str]:
    """Returns the figure of a keyword model's report, and its default name."""
    report = confusion.read_report(options.report)
    title = f"{Path(report.get('model', 'model')).name} on {Path(report.get('manifest', options.report)).name}"
    return confusion.draw(report, title), f"{options.report.stem}-confusion.png"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="SUBCOMMAND")

    command = commands.add_parser("augmentation", help="an utterance after each kind of augmentation")
    command.add_argument("manifest", metavar="MANIFEST", type=Path)
    command.add_argument("overrides", metavar="FIELD=VALUE", nargs="*", help="fields of the config to change")
    command.add_argument(
        "--config",
        type=Path,
        default=Path("training/configs/small.yaml"),
        help="a run's YAML file (default: %(default)s)",
    )
    command.add_argument("--index", type=int, default=0, help="which utterance of the manifest (default: 0)")
    command.add_argument("--seed", type=int, default=_SEED, help="another one draws other augmentation")
    command.set_defaults(draw=draw_augmentation)

    command = commands.add_parser("emissions", help="what a model hears in a recording")
    command.add_argument("audio", type=Path)
    command.add_argument("--model", type=Path, default=Path("models/asr.onnx"), help="an .onnx file or a checkpoint")
    command.add_argument("--start", type=float, help="show the recording from here, in seconds")
    command.add_argument("--end", type=float, help=f"and to here (default: {emissions.LONGEST_S:g} s later)")
    command.set_defaults(draw=draw_emissions)

    command = commands.add_parser("curves", help="learning curves of one or more runs")
    command.add_argument("folders", type=Path, nargs="+", metavar="RUN_FOLDER", help="such as runs/hark-small")
    command.add_argument(
        "--x", choices=list(curves.X_AXES), default="step", help="steps, hours of training or of audio"
    )
    command.set_defaults(draw=draw_curves)

    command = commands.add_parser("errors", help="WER by speaker and by length")
    command.add_argument("report", type=Path, help="what `python -m training.evaluate MANIFEST --json FILE` wrote")
    command.set_defaults(draw=draw_errors)

    command = commands.add_parser("confusion", help="what a keyword model takes for what")
    command.add_argument("report", type=Path, help="what `python -m training.evaluate MANIFEST --json FILE` wrote")
    command.set_defaults(draw=draw_confusion)

    for command in commands.choices.values():
        command.add_argument("--output", type=Path, metavar="FILE.png", help="where the figure goes")
    return parser


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = _parser()
    options, fields = parser.parse_known_args(arguments)
    if fields:  # argparse gives up on positional arguments that stand behind an option
        if "overrides" not in options or any(each.startswith("-") or "=" not in each for each in fields):
            parser.error(f"unrecognized arguments: {' '.join(fields)}")
        options.overrides += fields
    figure, name = options.draw(options)
    path = options.output or Path(name)
    save(figure, path)
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
