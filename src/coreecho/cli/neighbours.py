"""`coreecho neighbours`."""

from functools import partial
from pathlib import Path

from coreecho.cli.options import AtLeastOne, BeatText, Computing, FileReading, ShownData
from coreecho.datasets.recording import Asked
from coreecho.shipped import DEFAULT, is_default


def neighbours(
    file: Path,
    /,
    *,
    model: Path = Path(DEFAULT),
    k: AtLeastOne = 5,
    split: Asked = "train",
    out: Path | None = None,
    clips: AtLeastOne = 3,
    beat: BeatText = None,
    reading: FileReading | None = None,
    shown: ShownData | None = None,
    computing: Computing | None = None,
) -> int:
    """Find the recordings most like a clip: `coreecho neighbours clip.dcm --model runs/echonet`.

    A reason for the model's number: the recordings that it finds most alike, with their EF, their distance, and a frame
    of each. A run searches those that it was trained on, or another split; the first call embeds them, and keeps that
    in its folder. The model that ships searches simulated hearts that come with it, which it has not learned from, or
    with `--data` those of any data set.

    Not a medical device: no EF shown here may guide the care of a patient.

    Parameters
    ----------
    file:
        An apical four-chamber clip, of any kind that `coreecho predict` reads.
    model:
        Folder of a run that `coreecho train` wrote, a `.safetensors` file with `--data`, or `default`: the model that
        ships with coreecho, a research model that has seen no patient.
    k:
        How many recordings.
    split:
        Recordings that are searched.
    out:
        Folder for the table and the picture; only the terminal when not given.
    clips:
        Clips of the file and of each recording.
    beat:
        The beat to look at.
    reading:
        How the clip is read, where the usual way is not right.
    shown:
        The data, where they are not the run's own.
    computing:
        How the model computes.
    """
    shown = shown or ShownData()
    computing, reading = computing or Computing(), reading or FileReading()
    from coreecho.files import make_folder
    from coreecho.inference import Predictor, find_device, find_one, parse_beat
    from coreecho.inference.appraising import calibration_beside
    from coreecho.inference.preparing import read_clip
    from coreecho.models.weights import load_model
    from coreecho.report.neighbour_drawing import write_neighbours
    from coreecho.report.shipped_model import say_default
    from coreecho.report.terminal import show_neighbours
    from coreecho.report.thumbnails import recording_thumbnail
    from coreecho.representation.embeddings import embed_run
    from coreecho.representation.neighbour_search import check_neighbours, search_neighbours
    from coreecho.representation.references import load_default_references
    from coreecho.ventricle.second_opinion import find_second_opinion, judged_by_outline

    if out is not None:
        make_folder(out)
    say_default(model)
    own = is_default(model) and shown.data is None
    subject = None if own else shown.subject(model)
    device = computing.device
    loaded = load_model(model, find_device(device)) if subject is None else subject.model(device)
    frames = None if beat is None else parse_beat(beat)
    check_neighbours(loaded, k)
    # Read first: a file that cannot be is known before the hours of embedding.
    clip = find_one(file, joins_series=reading.series)
    read_clip(loaded, clip, beat=frames, axes=reading.axes)
    if subject is None:
        references = load_default_references()
        searched, thumbnail = references.embedded, references.thumbnail
    else:
        # What a model learned from may be searched for likeness: nothing is tested on it.
        searched = embed_run(
            subject, loaded, split, clips=clips, batch_size=computing.batch_size, allow_overlap=True, show_progress=True
        )
        thumbnail = partial(recording_thumbnail, subject.store())
    found = search_neighbours(
        loaded, searched, clip, k=k, clips=clips, batch_size=computing.batch_size, beat=frames, axes=reading.axes
    )
    predictor = Predictor(
        loaded,
        clips=clips,
        batch_size=computing.batch_size,
        beat=frames,
        axes=reading.axes,
        calibration=calibration_beside(model),
    )
    outliner = find_second_opinion(None, model, loaded.task, device)
    appraisal = judged_by_outline(predictor, outliner, axes=reading.axes)(clip)
    if out is not None:
        write_neighbours(found, thumbnail, out, appraisal=appraisal)
    show_neighbours(found, out, appraisal=appraisal)
    return 0
