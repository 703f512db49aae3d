"""`coreecho explain`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]


def explain(
    file: Path | None = None,
    /,
    *,
    model: Path,
    out: Path = Path("explanation"),
    dataset: str | None = None,
    data: Path | None = None,
    store: Path | None = None,
    allow_overlap: Annotated[bool, Parameter(negative="")] = False,
    split: Literal["train", "val", "test"] = "test",
    clips: AtLeastOne | None = None,
    beat: str | None = None,
    level: Annotated[str, Parameter(name=("--level", "--stage"))] = "auto",
    evidence: Literal["positive", "negative", "absolute"] = "positive",
    film: Literal["mp4", "gif", "both"] = "mp4",
    device: str = "auto",
    seed: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
) -> int:
    """See where a model looks: `coreecho explain clip.dcm --model runs/echonet --out where`.

    Writes the clip with the Grad-CAM map of the model's output in colour (film and contact sheet), and the map itself:
    of the EF, or of a model for it, of the logit of a myocardial infarction. Nothing outside the ultrasound sector is
    drawn, and no name. The clip is brought to the training's frame rate first, as by `coreecho predict`.

    Or measure it over a data set: `coreecho explain --dataset echonet --data ROOT --model runs/echonet`. LV focus is
    the share of the map that lies inside the left ventricle over the share of the sector that the ventricle takes: 1 is
    a model that looks everywhere alike. Its mean over the recordings comes with a 95 % interval.

    Not a medical device: nothing shown here may guide the care of a patient.

    Parameters
    ----------
    file:
        An apical four-chamber clip, of any kind that `coreecho predict` reads.
    model:
        Folder of a run, or a `.safetensors` file.
    out:
        Folder for the result.
    dataset:
        Layout of a data set with traced ventricles, such as `echonet` [default: that of the training].
    data:
        Root of that data set, instead of a file.
    store:
        Folder of its decoded frames [default: the run's own where it is the run's data set, else beside the data].
    allow_overlap:
        Measure on recordings that the model was trained on, too; the result then says so.
    split:
        Recordings of it.
    clips:
        Clips whose maps are averaged [default: 3 of a file, 1 of each recording].
    beat:
        For models that look at one beat, as those trained on CAMUS and HMC-QU: its first and last frame in the file,
        counted from 0, both included, as `FIRST:LAST`, or `all` frames. A LAST before FIRST runs backwards.
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
    from coreecho.errors import RecipeError
    from coreecho.inference import find_device, parse_beat
    from coreecho.inference.subject import open_subject
    from coreecho.models.weights import load_model
    from coreecho.report.explanation_folder import write_explanation
    from coreecho.report.terminal import show_file_explanation, show_lv_focus
    from coreecho.saliency.file_explanation import explain_file
    from coreecho.saliency.run_lv_focus import FocusProtocol, explain_dataset

    if file is not None and dataset is None and data is None:
        loaded = load_model(model, device=find_device(device))
        frames = None if beat is None else parse_beat(beat)
        explained = explain_file(loaded, file, clips=clips or 3, level=level, evidence=evidence, beat=frames)
        write_explanation(explained, out, film=film)
        show_file_explanation(explained, out)
    elif file is None and data is not None:
        protocol = FocusProtocol(split=split, clips=clips or 1, level=level, evidence=evidence, seed=seed)
        explained_data = explain_dataset(
            open_subject(model, data=data, dataset=dataset, store=store),
            out,
            protocol=protocol,
            device=device,
            allow_overlap=allow_overlap,
            show_progress=True,
        )
        show_lv_focus(explained_data)
    else:
        raise RecipeError(
            "Say what to explain: a file, `coreecho explain FILE --model RUN`, or a data set, "
            "`coreecho explain --dataset echonet --data ROOT --model RUN`."
        )
    return 0
