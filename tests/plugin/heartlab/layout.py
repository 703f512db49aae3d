"""A folder of NPY clips beside one file of labels: `ROOT/labels.json` and `ROOT/<file>.npy`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from coreecho.datasets.layout import Layout
from coreecho.datasets.options import Option
from coreecho.datasets.recording import Recording
from coreecho.datasets.survey import Survey
from coreecho.documents import Within, read_document
from coreecho.errors import DatasetError
from coreecho.video import read_video, resize_frames
from coreecho.video.video_file import PreparedFrames, VideoFile

LABELS = "labels.json"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One entry of the file of labels."""

    file: str
    split: Literal["train", "val", "test"]
    heart_rate: Annotated[float, Within(1, 1_000)]


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The file of labels."""

    fps: Annotated[float, Within(1, 1_000)]
    clips: dict[str, Clip]


@dataclass(frozen=True)
class WithRate:
    """Reads a clip whose rate stands in the file of labels."""

    fps: float

    def __call__(self, path: Path, frame_size: int) -> PreparedFrames:
        return PreparedFrames(resize_frames(read_video(path).frames, frame_size), self.fps)


class NpyClips(Layout):
    """NPY clips with their heart rates."""

    name = "npy-clips"
    title = "NPY clips"
    description = f"A root holds {LABELS} and the NPY files that it names"
    options = (Option("slow_only", bool, False, "Leave out hearts of 100 beats a minute and more."),)

    def looks_like(self, root: Path) -> bool:
        return (root / LABELS).is_file()

    def read(self, root: Path, **settings: Any) -> Survey:
        labels = read_document(root / LABELS, Labels, kind="file of labels", error=DatasetError)
        survey = Survey(root=root)
        for name, clip in labels.clips.items():
            if settings["slow_only"] and clip.heart_rate >= 100:
                continue
            path = root / clip.file
            if not path.is_file():
                survey.add_fault("missing files", clip.file, name)
                continue
            survey.recordings.append(
                Recording(id=name, path=path, split=clip.split, fps=labels.fps, labels={"heart_rate": clip.heart_rate})
            )
        return survey

    def video_file(self, recording: Recording) -> VideoFile:
        assert recording.fps is not None
        return VideoFile(recording.path, f"at {recording.fps:g} frames a second", WithRate(recording.fps))
