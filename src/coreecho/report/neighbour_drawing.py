"""The training recordings most like a clip, as a folder of files.

neighbours.csv    one row a recording: rank, recording, distance, and of EF ef_percent and ef_predicted
neighbours.json   the same, with what the model says of the clip and what speaks against trusting it
neighbours.png    a frame of the clip and of each recording, with their EF, or whatever number the model reads
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.files import write_whole, writing_into
from coreecho.names import printable
from coreecho.notices import NOTICE, PHANTOM_LABEL
from coreecho.report.doubt import doubt_words, why_words
from coreecho.report.pictures import new_figure, save_figure
from coreecho.report.thumbnails import Thumbnails
from coreecho.representation.neighbour_search import NeighbourSearch
from coreecho.trust import Appraisal


def write_neighbours(
    found: NeighbourSearch, thumbnail: Thumbnails, out: Path, *, appraisal: Appraisal | None = None
) -> None:
    """Write the folder.

    Args:
        found: what was found.
        thumbnail: gives a picture of each searched recording.
        out: the folder, made where it is missing.
        appraisal: what the clip's EF is worth.

    Raises:
        CoReEchoError: it cannot be written.
    """
    table = found.to_frame()
    document = {
        "notice": NOTICE,
        "is_phantom": found.is_phantom,
        found.task.value_name: found.clip.predicted,
        "mean_of_neighbours": None if math.isnan(found.mean_of_neighbours) else found.mean_of_neighbours,
        **{name: getattr(appraisal or Appraisal(), name) for name in Appraisal.told_parts()},
        "warnings": list(found.warnings),
        "searched": found.source,
        "distance": "Euclidean, between embeddings, in their own unit",
        "typical_distance": found.typical_distance,
        "neighbours": [
            {key: None if value != value else value for key, value in row.items()} for row in table.to_dict("records")
        ],
    }
    with writing_into(out):
        readable = table.assign(recording=table["recording"].map(printable))
        write_whole(out / "neighbours.csv", readable.to_csv(index=False))
        thumbnails = [thumbnail(near.recording) for near in found.neighbours]
        draw_neighbours(out / "neighbours.png", found, thumbnails, appraisal=appraisal)
        write_whole(out / "neighbours.json", json.dumps(document, indent=2, allow_nan=False) + "\n")


def draw_neighbours(
    path: Path, found: NeighbourSearch, thumbnails: Sequence[NDArray[np.uint8]], *, appraisal: Appraisal | None = None
) -> None:
    """Draw the clip beside its neighbours.

    Args:
        path: PNG to write.
        found: what was found.
        thumbnails: (S, S) of each neighbour.
        appraisal: what the clip's EF is worth; without it there is no interval.

    Raises:
        CoReEchoError: the file cannot be written.
    """
    clip, count = found.clip.clip, 1 + len(thumbnails)
    likeness = found.likeness.replace(". ", ".\n").replace(": ", ":\n")
    title = f"The recordings that the model finds most like this clip\n{likeness}"
    if found.is_phantom and not clip.is_phantom:
        title = f"{title}\nThe numbered recordings are {PHANTOM_LABEL}; this clip is not"
    figure, axes = new_figure(
        title,
        (max(6.0, 1.9 * count), 3.9),
        columns=count,
        says=" ".join(why_words(appraisal)),
        model=found.source,
        cautions=found.warnings,
        is_phantom=found.is_phantom,
    )
    task = found.task
    doubt = doubt_words(appraisal, task).replace("; ", "\n")
    captions = [f"this clip\npredicted {task.say(found.clip.predicted)}\n{doubt}"]
    captions += [
        f"{near.rank}. {task.noun} {task.say_if_known(near.true)}\npredicted {task.say(near.predicted)}\n"
        f"distance {near.distance:.2f}"
        for near in found.neighbours
    ]
    for axis, picture, caption in zip(axes, [clip.frames[0] * clip.sector, *thumbnails], captions, strict=True):
        axis.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
        axis.set_title(caption, fontsize=9)
        axis.set_axis_off()
    save_figure(figure, path)
