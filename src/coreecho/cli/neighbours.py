"""`coreecho neighbours`."""

from pathlib import Path

from coreecho.cli.options import AtLeastOne, BeatText, Computing, ShownData, SplitName


def neighbours(
    file: Path,
    /,
    *,
    model: Path,
    k: AtLeastOne = 5,
    split: SplitName = "train",
    out: Path | None = None,
    clips: AtLeastOne = 3,
    beat: BeatText = None,
    shown: ShownData | None = None,
    computing: Computing | None = None,
) -> int:
    """Find the training recordings most like a clip: `coreecho neighbours clip.dcm --model runs/echonet`.

    A reason for the model's number: the recordings that it finds most alike, with their EF, their distance, and a
    frame of each. The first call embeds the recordings, and keeps that in the run's folder.

    Not a medical device: no EF shown here may guide the care of a patient.

    Parameters
    ----------
    file:
        An apical four-chamber clip, of any kind that `coreecho predict` reads.
    model:
        Folder of a run that `coreecho train` wrote, or a `.safetensors` file with `--data`.
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
    shown:
        The data, where they are not the run's own.
    computing:
        How the model computes.
    """
    shown = shown or ShownData()
    computing = computing or Computing()
    from coreecho.inference import parse_beat
    from coreecho.inference.preparing import read_clip
    from coreecho.report.neighbour_drawing import write_neighbours
    from coreecho.report.terminal import show_neighbours
    from coreecho.representation.embeddings import embed_run
    from coreecho.representation.neighbour_search import check_neighbours, search_neighbours

    subject = shown.subject(model)
    loaded = subject.model(computing.device)
    frames = None if beat is None else parse_beat(beat)
    check_neighbours(loaded, k)
    # Read first: a file that cannot be is known before the hours of embedding.
    read_clip(loaded, file, beat=frames)
    # What a model learned from may be searched for likeness: nothing is tested on it.
    searched = embed_run(
        subject, loaded, split, clips=clips, batch_size=computing.batch_size, allow_overlap=True, show_progress=True
    )
    found = search_neighbours(loaded, searched, file, k=k, clips=clips, batch_size=computing.batch_size, beat=frames)
    if out is not None:
        write_neighbours(found, subject.store(), out)
    show_neighbours(found, out)
    return 0
