"""Infarcts told by how the wall moves: from masks to diagnoses, cross-validated by the data set's own folds.

features.csv     one row a recording: fold, has_mi, its features, or why it has none
diagnoses.csv    one row a recording that has features: fold, has_mi, margin over the cut-off, diagnosis
infarction.json  metrics with their intervals, and all that they depend on

Walls come from the masks of the data set, which measures the classifier alone; or from segmenters, whose features then
stand beside each other, as Nguyen et al. join those of several networks.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coreecho.datasets import LAYOUTS, Recording, video_files
from coreecho.datasets.layout_names import INFARCTIONS_LAYOUT
from coreecho.datasets.outlines import MYOCARDIUM
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation.classification import ClassificationMetrics, DiagnosisFamily
from coreecho.evaluation.fold_means import metrics_mean_over_folds
from coreecho.files import write_whole, writing_into
from coreecho.inference.opening import open_subject
from coreecho.models.segmenter import Segmenter
from coreecho.names import counted, readable
from coreecho.notices import NOTICE
from coreecho.shipped import is_default
from coreecho.tasks import MI
from coreecho.training.run_folder import locate_data
from coreecho.ventricle.infarction_classifiers import RULES, Rule, any_view, check_installed, cross_validate
from coreecho.ventricle.wall_displacements import SEGMENTS, wall_motion
from coreecho.video.resizing import resize_frames
from coreecho.video.store import FrameStore

# The size of HMC-QU's masks.
_MASK_SIZE = 224


@dataclass(frozen=True, kw_only=True)
class InfarctionResults:
    """What was found.

    Attributes:
        features: one row a recording.
        diagnoses: one row a recording with features.
        metrics: means over the folds.
        without_features: why recordings have none, by their ids.
    """

    features: pd.DataFrame
    diagnoses: pd.DataFrame
    metrics: ClassificationMetrics
    without_features: Mapping[str, str]


def measure_infarctions(
    root: Path,
    out: Path,
    *,
    dataset: str = INFARCTIONS_LAYOUT,
    views: Sequence[str] = ("A4C",),
    options: Mapping[str, Any] | None = None,
    segmenters: Sequence[Segmenter] = (),
    rule: Rule = "nguyen",
    classifier: str = "svm-rbf",
    resamples: int = 10_000,
    seed: int = 0,
    overlaps: Sequence[str] = (),
) -> InfarctionResults:
    """Tell infarcts of a data set by the motion of the wall, and write the folder.

    With several views a patient who has clips of all of them is one row: the features stand beside each other, any view
    that is infarcted makes an infarct, and the fold is that of the first view.

    Args:
        root: of the data set.
        out: folder for the result.
        dataset: layout; its recordings have folds, and clips of one cycle.
        views: of the data set.
        options: of its loader, besides the view.
        segmenters: outline the wall; none takes the masks of the data set.
        rule: features and cut-off of `degerli` or of `nguyen`.
        classifier: of `CLASSIFIERS`.
        resamples: of the intervals.
        seed: of the resamples.
        overlaps: what segmenters have learned from the tested recordings; see `overlap_of`. Kept with the result.

    Raises:
        CoReEchoError: scikit-learn is missing, or the folder cannot be written.
        RecipeError: a segmenter outlines no wall.
        DatasetError: no recording has features, or recordings have no fold or label.
    """
    check_installed()
    for segmenter in segmenters:
        if MYOCARDIUM not in segmenter.network.outlines:
            outlines = ", ".join(segmenter.network.outlines)
            raise RecipeError(f"A segmenter outlines {outlines}; infarcts are told by the {MYOCARDIUM}.")
    with writing_into(out):
        pass
    walls = [_Walls(root, dataset, dict(options or {}) | {"view": view}, segmenters) for view in views]
    features = _joined([pd.DataFrame(_rows_of(each, rule)) for each in walls])
    measured = _diagnosed(features, rule, classifier, resamples, seed)
    document = {
        "result": "phantom result: simulated hearts" if walls[0].is_phantom else "result on real hearts",
        "is_phantom": walls[0].is_phantom,
        "notice": NOTICE,
        "views": list(views),
        "walls": f"{len(segmenters)} segmenters" if segmenters else "masks of the data set",
        **({"overlap": list(overlaps)} if overlaps else {}),
        "rule": rule,
        "classifier": classifier,
        "num_recordings": len(features),
        "without_features": dict(measured.without_features),
        "figures": "means over the folds",
        **measured.metrics.to_dict(),
    }
    with writing_into(out):
        write_whole(out / "features.csv", features.to_csv(index=False))
        write_whole(out / "diagnoses.csv", measured.diagnoses.to_csv(index=False))
        text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
        write_whole(out / "infarction.json", text + "\n")
    return measured


def overlap_of(segmenter: Path, root: Path, *, dataset: str, views: Sequence[str]) -> str:
    """Say how many of the tested recordings a segmenter has learned from; nothing of what does not know its own.

    Args:
        segmenter: the folder of a run knows; a file of weights, and the segmenter that ships, do not.
        root: of the tested data set.
        dataset: its layout.
        views: of the data set.

    Raises:
        CheckpointError: it is no run.
        DatasetError: the data cannot be read.
    """
    if is_default(segmenter) or not segmenter.is_dir():
        return ""
    subjects = [open_subject(segmenter, data=root, dataset=dataset, options={"view": view}) for view in views]
    found = [subject.overlap(subject.recordings("all")) for subject in subjects]
    met, tested = sum(len(each.trained) for each in found), sum(each.num_recordings for each in found)
    learned = f"{readable(segmenter)} learned from {met} of the {counted(tested, 'recordings')} that are tested here"
    return f"{learned}: these figures are flattered" if met else ""


class _Walls:
    """Masks of the wall of each recording of a view.

    Args:
        root: of the data set.
        dataset: its layout.
        options: of its loader, the view among them.
        segmenters: outline the wall; none takes the masks of the data set.
    """

    def __init__(self, root: Path, dataset: str, options: Mapping[str, Any], segmenters: Sequence[Segmenter]) -> None:
        layout = LAYOUTS.get(dataset)
        self.view = options["view"]
        self.segmenters = segmenters
        self.recordings = layout.load(root, **options)
        unknown = [each.id for each in self.recordings if each.fold is None or each.has_mi is None]
        if unknown:
            raise DatasetError(f"{root}: {len(unknown)} recordings have no fold or no label, e.g. {unknown[:5]}.")
        self.size = segmenters[0].frame_size if segmenters else _MASK_SIZE
        data = locate_data(dataset, root, self.size, None, options)
        self.is_phantom = data.is_phantom
        self._known = None if segmenters else layout.outlines(root)
        self._store = FrameStore.build(data.store, video_files(dataset, self.recordings), frame_size=self.size)

    def of(self, recording: Recording) -> list[NDArray[np.bool_]]:
        """Of the data set, or of each segmenter, (T, S, S) each. Raises ValueError: there are none."""
        frames = np.asarray(self._store.frames(recording.id))
        if self._known is None:
            return [each.masks(resize_frames(frames, each.frame_size), outline=MYOCARDIUM) for each in self.segmenters]
        if not self._known.knows(recording):
            raise ValueError("it has no masks")
        place = self._known.outlines.index(MYOCARDIUM)
        return [self._known.masks(recording, range(len(frames)), len(frames), self.size)[:, place]]


def _rows_of(walls: _Walls, rule: Rule) -> list[dict[str, Any]]:
    """Of each recording of a view: what it is, and its features or why it has none."""
    rows = []
    for recording in walls.recordings:
        row: dict[str, Any] = {
            "recording": recording.id,
            "patient": recording.patient or recording.id,
            "fold": recording.fold,
            "has_mi": bool(recording.has_mi),
            "reason": "",
        }
        try:
            found = _features(walls.of(recording), rule)
            row |= {f"{walls.view}_{name}": value for name, value in found.items()}
        except ValueError as error:
            row["reason"] = str(error)
        rows.append(row)
    return rows


def _joined(views: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One view as it is; of several a row for each patient who is in all of them."""
    joined = views[0]
    for view in views[1:]:
        joined = joined.merge(view, on="patient", suffixes=("", "_other"))
        joined["has_mi"] = any_view(joined["has_mi"].to_numpy(), joined["has_mi_other"].to_numpy())
        joined["reason"] = joined["reason"].where(joined["reason"] != "", joined["reason_other"])
        joined = joined[[name for name in joined if not str(name).endswith("_other")]]
    return joined


def _features(walls: Sequence[NDArray[np.bool_]], rule: Rule) -> dict[str, float]:
    """Features by their names, of each segmenter in turn. Raises ValueError: a wall is none."""
    found: dict[str, float] = {}
    for number, masks in enumerate(walls, start=1):
        values = RULES[rule].features(wall_motion(masks))
        found |= {f"segment_{segment}_of_{number}": value for segment, value in zip(SEGMENTS, values, strict=True)}
    return found


def _diagnosed(features: pd.DataFrame, rule: Rule, classifier: str, resamples: int, seed: int) -> InfarctionResults:
    columns = [name for name in features if "_segment_" in str(name)]
    without = features.loc[features["reason"] != "", ["recording", "reason"]]
    if not columns or features.empty:
        reason = next(iter(without["reason"]), "no patient has clips of all views")
        raise DatasetError(f"No recording has features of its wall; the first: {reason}.")
    known = features.dropna(subset=columns)
    values, labels = known[columns].to_numpy(dtype=np.float64), known["has_mi"].to_numpy(dtype=np.bool_)
    folds = known["fold"].to_numpy(dtype=np.int64)
    said = cross_validate(values, labels, folds, classifier, rule)
    diagnoses = known[["recording", "patient", "fold", "has_mi"]].assign(margin=said.margins, diagnosis=said.is_infarct)
    metrics = metrics_mean_over_folds(
        labels,
        # At 0 and above an infarct, as logits are.
        said.margins,
        folds.tolist(),
        family=DiagnosisFamily(MI()),
        patients=known["patient"].tolist(),
        resamples=resamples,
        seed=seed,
    )
    reasons = dict(zip(without["recording"], without["reason"], strict=True))
    return InfarctionResults(features=features, diagnoses=diagnoses, metrics=metrics, without_features=reasons)
