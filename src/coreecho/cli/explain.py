"""`coreecho explain`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from coreecho.cli.options import AtLeastOne, BeatText, Device, FileReading, NotNegative, TestedData
from coreecho.datasets.recording import Asked
from coreecho.shipped import DEFAULT, NONE, has_default

if TYPE_CHECKING:
    from coreecho.models.segmenter import Segmenter


def explain(
    files: list[Path] | None = None,
    /,
    *,
    model: Path = Path(DEFAULT),
    out: Path = Path("explanation"),
    split: Asked = "test",
    clips: AtLeastOne | None = None,
    beat: BeatText = None,
    reading: FileReading | None = None,
    level: Annotated[str, Parameter(name=("--level", "--stage"))] = "auto",
    evidence: Literal["positive", "negative", "absolute"] = "positive",
    film: Literal["mp4", "gif", "both"] = "mp4",
    segmenter: Path | None = None,
    shown: TestedData | None = None,
    device: Device = "auto",
    seed: NotNegative = 0,
) -> int:
    """See where a model looks: `coreecho explain clip.dcm --out where`, with your own `--model runs/echonet`.

    Writes the clip with the Grad-CAM map of the model's output in colour (film and contact sheet), and the map itself:
    of the EF, or of a model for it, of the logit of a myocardial infarction. Nothing outside the ultrasound sector is
    drawn, and no name. The clip is brought to the training's frame rate first, as by `coreecho predict`. Of several
    files, or of a folder, each has a folder of its own below `--out`.

    Or measure it over a data set: `coreecho explain --dataset echonet --data ROOT --model runs/echonet`. LV focus is
    the share of the map that lies inside the left ventricle over the share of the sector that the ventricle takes: 1 is
    a model that looks everywhere alike. Its mean over the recordings comes with a 95 % interval.

    Not a medical device: nothing shown here may guide the care of a patient.

    Parameters
    ----------
    files:
        Apical four-chamber clips, of any kind that `coreecho predict` reads, and folders of them.
    model:
        Folder of a run, a `.safetensors` file, or `default`: the model that ships with coreecho, a research model that
        has seen no patient.
    out:
        Folder for the result.
    segmenter:
        What outlines the left ventricle where nobody says where it is, so that LV focus can be told: weights, the
        folder of a run, `default`, or `none`. Of a file the one that ships with coreecho, when not given.
    shown:
        The data, where they are not the run's own.
    split:
        With `--data`: the recordings over which it is measured.
    clips:
        Clips whose maps are averaged [default: 3 of a file, 1 of each recording].
    beat:
        The beat to look at.
    reading:
        How the clip is read, where the usual way is not right.
    level:
        Of the encoder, by its name or its number from 1; `auto` is the deepest with at least 7 x 7 cells.
    evidence:
        What raises the output (as in the paper), what lowers it, or both.
    film:
        How the film is written.
    device:
        Where to compute: `cpu`, `gpu`, `cuda:1`, or `auto`: a GPU if there is one.
    seed:
        Of the interval.
    """
    shown, reading = shown or TestedData(), reading or FileReading()
    from coreecho.cli.explaining import explain_files
    from coreecho.errors import RecipeError
    from coreecho.files import make_folder
    from coreecho.inference import Predictor, find_device, find_one, parse_beat
    from coreecho.inference.appraising import calibration_beside
    from coreecho.models.weights import load_model
    from coreecho.report.explanation_folder import write_explanation
    from coreecho.report.shipped_model import say_default
    from coreecho.report.terminal import show_file_explanation, show_lv_focus
    from coreecho.saliency.file_explanation import explain_file
    from coreecho.saliency.run_lv_focus import FocusProtocol, explain_dataset
    from coreecho.ventricle.second_opinion import judged_by_outline

    say_default(model)
    if files and shown.dataset is None and shown.data is None:
        loaded = load_model(model, device=find_device(device))
        how: dict[str, Any] = {
            "clips": clips or 3,
            "level": level,
            "evidence": evidence,
            "beat": None if beat is None else parse_beat(beat),
            "axes": reading.axes,
            "segmenter": _outliner(segmenter, device),
        }
        # The interval and the trust are of the same clips as the map.
        predictor = Predictor(
            loaded,
            clips=how["clips"],
            beat=how["beat"],
            axes=how["axes"],
            calibration=calibration_beside(model),
        )
        judge = judged_by_outline(predictor, how["segmenter"], axes=how["axes"])
        make_folder(out)
        if len(files) > 1 or (files[0].is_dir() and not reading.series):
            return explain_files(loaded, judge, files, out, film=film, joins_series=reading.series, **how)
        file = find_one(files[0], joins_series=reading.series)
        explained, appraisal = explain_file(loaded, file, **how), judge(file)
        write_explanation(explained, out, film=film, appraisal=appraisal)
        show_file_explanation(explained, out, appraisal=appraisal)
    elif not files and shown.data is not None:
        protocol = FocusProtocol(split=split, clips=clips or 1, level=level, evidence=evidence, seed=seed)
        explained_data = explain_dataset(
            shown.subject(model),
            out,
            protocol=protocol,
            device=device,
            allow_overlap=shown.allow_overlap,
            segmenter=None if str(segmenter) == NONE else segmenter,
            show_progress=True,
        )
        show_lv_focus(explained_data)
    else:
        raise RecipeError(
            "Say what to explain: a file, `coreecho explain FILE --model RUN`, or a data set, "
            "`coreecho explain --dataset echonet --data ROOT --model RUN`."
        )
    return 0


def _outliner(segmenter: Path | None, device: str) -> "Segmenter | None":
    """What outlines the ventricle of a file: what was given, else the one that ships, where this build has it."""
    from coreecho.models.segmenter import open_segmenter

    if segmenter is None:
        return open_segmenter(DEFAULT, device) if has_default("lv") else None
    return None if str(segmenter) == NONE else open_segmenter(segmenter, device)
