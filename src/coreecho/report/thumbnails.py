"""Small pictures of recordings: one frame, of the ultrasound sector alone."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coreecho.report.page_elements import data_uri
from coreecho.video.lit_sector import thumbnail_of
from coreecho.video.store import FrameStore

# Of the id of a recording: a picture (S, S) of it, black outside its sector.
Thumbnails = Callable[[str], NDArray[np.uint8]]
# A picture is about 2 kB: a page of so many stays below 3 MB.
_MOST, _SIDE, _QUALITY = 1200, 112, 60
# Finding the sector needs a beat or two, not all of a long video.
_FRAMES = 64


def recording_thumbnail(store: FrameStore, recording_id: str) -> NDArray[np.uint8]:
    """The first frame of a recording, (S, S), black outside its sector; all black where none is found."""
    return thumbnail_of(store.frames(recording_id)[:_FRAMES], recording_id)


def thumbnail_uri(picture: NDArray[np.uint8]) -> str:
    """A grey picture, (H, W) uint8, inside its own address; empty where it is all black."""
    if not picture.any():
        return ""
    image = Image.fromarray(picture)
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=4)
    return data_uri(buffer.getvalue(), "image/webp")


def thumbnail_uris(thumbnail: Thumbnails, recording_ids: Sequence[str]) -> dict[str, str]:
    """Pictures of recordings by their ids; of very many, of as many as a page should hold, evenly chosen."""
    some = np.unique(np.linspace(0, len(recording_ids) - 1, min(len(recording_ids), _MOST)).round().astype(int))
    found = {recording_ids[place]: thumbnail_uri(thumbnail(recording_ids[place])) for place in some}
    return {name: uri for name, uri in found.items() if uri}
