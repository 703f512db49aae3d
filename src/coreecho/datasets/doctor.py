"""Reads a whole data set once, and says what is wrong with it before anyone trains on it for hours."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from coreecho.datasets.doctor_checks import (
    CHECKS,
    NO_SPLIT,
    PixelStatistics,
    Subject,
    count_recordings,
    findings_of,
    pixel_statistics,
)
from coreecho.datasets.doctor_clips import ClipFacts, ClipJob, examine_clip, run_all
from coreecho.datasets.labels import scaled
from coreecho.datasets.layout import LAYOUTS
from coreecho.datasets.phantom_marks import is_phantom_root
from coreecho.datasets.recording import Recording, Split
from coreecho.errors import DatasetError
from coreecho.names import counted, one_of, readable

# Cases of one kind of fault that the text names; JSON and the page have all.
_NUM_NAMED = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Examination:
    """What the doctor found.

    Attributes:
        dataset: name of the layout.
        root: its folder.
        is_phantom: the folder says that its hearts are simulated.
        recordings: those whose clip is there.
        counts: recordings in all, and by split, fold and view.
        published: what the data set's authors state of these; empty for phantoms and for one's own data.
        faults: for each kind, every case; empty when the data set is clean.
        blamed: of each recording that faults are about, what is wrong with it; `--leave-out-faulty` leaves these out.
        remarks: what a user should know and need not mend.
        clips: facts of every clip, by recording id; of those that cannot be read only the reason.
        pixels: grey levels of all clips.
        recipe_pixels: mean and standard deviation that the recipe normalises with, where there is one.
    """

    dataset: str
    root: Path
    is_phantom: bool
    recordings: Sequence[Recording]
    counts: Mapping[str, int]
    published: Mapping[str, int]
    faults: Mapping[str, Sequence[str]]
    blamed: Mapping[str, Sequence[str]]
    remarks: Sequence[str]
    clips: Mapping[str, ClipFacts]
    pixels: PixelStatistics | None
    recipe_pixels: tuple[float, float] | None

    @property
    def is_clean(self) -> bool:
        """Whether nothing needs mending."""
        return not self.faults

    @property
    def num_faults(self) -> int:
        """Cases of all kinds."""
        return sum(len(cases) for cases in self.faults.values())

    def summary(self) -> str:
        """One line: clean or not, and how much was read."""
        frames = sum(clip.num_frames for clip in self.clips.values())
        splits = [f"{name} {self.counts[name]}" for name in (*get_args(Split), NO_SPLIT) if name in self.counts]
        of_kinds = f" of {len(self.faults)} kinds" if len(self.faults) > 1 else ""
        verdict = "clean" if self.is_clean else f"{counted(self.num_faults, 'faults')}{of_kinds}"
        kind = " of simulated hearts" if self.is_phantom else ""
        recordings = counted(len(self.recordings), "recordings") + kind + (f" ({', '.join(splits)})" if splits else "")
        return f"{readable(self.root)}: {verdict}; {recordings}, {frames:,} frames."

    def to_text(self) -> str:
        """Everything that needs mending, for people: the summary alone when the data set is clean."""
        lines = [self.summary()]
        for kind, cases in self.faults.items():
            lines += [f"{counted(len(cases), kind)}:", *(f"  {readable(case)}" for case in cases[:_NUM_NAMED])]
            if len(cases) > _NUM_NAMED:
                lines.append(f"  ... and {len(cases) - _NUM_NAMED} more (--json and --html list all)")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Everything, for machines; no pictures."""
        content: dict[str, Any] = {
            "dataset": self.dataset,
            "root": readable(self.root),
            "is_phantom": self.is_phantom,
            "is_clean": self.is_clean,
            "counts": dict(self.counts),
            "published": dict(self.published),
            "faults": {kind: list(cases) for kind, cases in self.faults.items()},
            "remarks": list(self.remarks),
            "pixels": _pixels_json(self.pixels, self.recipe_pixels),
            "clips": [_clip_json(clip) for clip in self.clips.values()],
        }
        # A byte of a name that is not UTF-8 becomes an escape that JSON knows.
        return json.dumps(content, indent=2, ensure_ascii=False).encode(errors="backslashreplace").decode()


def examine(
    dataset: str,
    root: str | Path,
    *,
    is_own_data: bool = False,
    label_scale: float = 1.0,
    options: Mapping[str, Any] | None = None,
    checks: Sequence[str] = (),
    has_thumbnails: bool = False,
    workers: int | None = None,
    show_progress: bool = False,
) -> Examination:
    """Read every table and every clip of a data set, and check them.

    Args:
        dataset: name of the layout, as for `load_recordings`.
        root: its folder, or of "table" the table.
        is_own_data: the folder holds other data in that layout: counts are not compared with the published ones. What
            `coreecho convert` wrote is known by itself.
        label_scale: by which EF is multiplied before it is looked at, as in the recipe: 100 for fractions.
        options: of the layout, such as `columns` of "table".
        checks: import paths of further ones than those that ship, and those that installed packages declare.
        has_thumbnails: keep a small picture of each clip, for the page.
        workers: threads that read; by default one for each core.
        show_progress: draw progress bars on stderr.

    Raises:
        RecipeError: there is no such layout or check.
        DatasetError: the folder does not have it, or an option is wrong.
    """
    layout, root = LAYOUTS.get(dataset), Path(root)
    for name in checks:
        CHECKS.get(name)
    if not root.exists():
        raise DatasetError(f"{root}: no such folder. Give the root of the data set.")
    survey = layout.survey(root, **(options or {}))
    survey.recordings = scaled(survey.recordings, label_scale)
    jobs = [
        ClipJob(recording_id=recording.id, path=recording.path, read=layout.read_clip, has_thumbnail=has_thumbnails)
        for recording in survey.recordings
    ]
    clips = run_all(examine_clip, jobs, text="Reading clips", workers=workers, show_progress=show_progress)
    broken = run_all(
        layout.check_companion, survey.companions, text="Reading contours", workers=workers, show_progress=show_progress
    )
    for path, problem in zip(survey.companions, broken, strict=True):
        if problem is not None:
            survey.add_flaw("contours that are missing or cannot be read", f"{_relative(path, survey.root)}: {problem}")
    read = [clip for clip in clips if clip.error is None]
    # The published data hold no simulated hearts, whose card would be lost; a table of one's own needs no card.
    is_marked = survey.is_own_data and bool(read) and all(clip.is_phantom for clip in read)
    if is_marked:
        survey.remarks.append("Every clip says of itself that its heart is simulated.")
    subject = Subject(
        layout=layout,
        survey=survey,
        facts={clip.recording_id: clip for clip in read},
        unreadable=[clip for clip in clips if clip.error is not None],
        is_phantom=is_marked or is_phantom_root(survey.root),
        is_own_data=is_own_data or survey.is_own_data,
    )
    return _conclude(subject, clips, [*CHECKS.names(), *checks])


def _conclude(subject: Subject, clips: Sequence[ClipFacts], checks: Sequence[str]) -> Examination:
    survey = subject.survey
    faults: dict[str, list[str]] = {}
    for found in (survey.faults, survey.flaws):
        for kind, cases in found.items():
            faults.setdefault(kind, []).extend(cases)
    blamed = {name: list(reasons) for name, reasons in survey.blamed.items()}
    remarks = list(survey.remarks)
    for check in checks:
        for finding in findings_of(check, subject):
            if not finding.is_fault:
                remarks.append(finding.case)
            elif finding.case not in faults.get(finding.kind, []):
                faults.setdefault(finding.kind, []).append(finding.case)
                for name in finding.about:
                    blamed.setdefault(name, []).append(f"{one_of(finding.kind)}: {finding.case}")
    return Examination(
        dataset=subject.layout.name,
        root=survey.root,
        is_phantom=subject.is_phantom,
        recordings=survey.recordings,
        counts=count_recordings(survey.recordings),
        published={} if subject.is_phantom or subject.is_own_data else survey.published,
        faults=faults,
        blamed=blamed,
        remarks=remarks,
        clips={clip.recording_id: clip for clip in clips},
        pixels=pixel_statistics(subject.facts),
        recipe_pixels=subject.layout.pixels,
    )


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _clip_json(clip: ClipFacts) -> dict[str, Any]:
    if clip.error is not None:
        return {"id": clip.recording_id, "error": clip.error}
    facts = {"id": clip.recording_id, "num_frames": clip.num_frames, "height": clip.height, "width": clip.width}
    levels = np.zeros(256, dtype=np.int64) if clip.levels is None else clip.levels
    mean = float(levels @ np.arange(256) / max(int(levels.sum()), 1) / 255)
    return facts | {"fps": clip.fps, "is_phantom": clip.is_phantom, "content": clip.content, "mean": round(mean, 5)}


def _pixels_json(pixels: PixelStatistics | None, recipe: tuple[float, float] | None) -> dict[str, Any]:
    if pixels is None:
        return {}
    expected = {} if recipe is None else {"recipe_mean": recipe[0], "recipe_std": recipe[1]}
    return {"mean": pixels.mean, "std": pixels.std, "levels": pixels.levels.tolist()} | expected
