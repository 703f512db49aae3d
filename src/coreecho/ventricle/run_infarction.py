"""Infarcts told by how the wall moves: from masks to diagnoses, cross-validated by the data set's own folds.

features.csv     one row a recording: fold, has_mi, its features, or why it has none
diagnoses.csv    one row a recording that has features: fold, has_mi, score, diagnosis
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

from coreecho.datasets import LAYOUTS, Recording, frame_sources
from coreecho.datasets.outlines import MYOCARDIUM
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation.classification import ClassificationMetrics, DiagnosisFamily
from coreecho.evaluation.fold_means import metrics_mean_over_folds
from coreecho.evaluation.patients import patients_of
from coreecho.files import write_whole, writing_into
from coreecho.models.segmenter import Segmenter
from coreecho.notices import NOTICE
from coreecho.tasks import MI
from coreecho.training.run_folder import locate_data
from coreecho.ventricle.infarction_classifiers import Rule, check_installed, cross_validate
from coreecho.ventricle.wall_displacements import SEGMENTS, wall_motion
from coreecho.video.resizing import resize_frames
from coreecho.video.store import FrameStore

# The size of HMC-QU's masks.
_MASK_SIZE = 224


@dataclass(frozen=True, kw_only=True)
class InfarctionStudy:
    """What was found.

    Attributes:
        features: one row a recording.
        diagnoses: one row a recording with features.
        metrics: the mean over the folds; areas under curves are of the diagnoses alone.
        without_features: why recordings have none, by their ids.
    """

    features: pd.DataFrame
    diagnoses: pd.DataFrame
    metrics: ClassificationMetrics
    without_features: Mapping[str, str]


def study_infarction(
    root: Path,
    out: Path,
    *,
    dataset: str = "hmc-qu",
    options: Mapping[str, Any] | None = None,
    segmenters: Sequence[Segmenter] = (),
    rule: Rule = "nguyen",
    classifier: str = "svm-rbf",
    resamples: int = 10_000,
    seed: int = 0,
) -> InfarctionStudy:
    """Tell infarcts of a data set by the motion of the wall, and write the folder.

    Args:
        root: of the data set.
        out: folder for the result.
        dataset: layout; its recordings have folds, and clips of one cycle.
        options: of its loader, such as `view`.
        segmenters: outline the wall; none takes the masks of the data set.
        rule: features and cut-off of `degerli` or of `nguyen`.
        classifier: of `CLASSIFIERS`.
        resamples: of the intervals.
        seed: of the resamples.

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
    layout = LAYOUTS.get(dataset)
    recordings = layout.load(root, **(options or {}))
    unknown = [recording.id for recording in recordings if recording.fold is None or recording.has_mi is None]
    if unknown:
        raise DatasetError(f"{root}: {len(unknown)} recordings have no fold or no label, e.g. {unknown[:5]}.")
    with writing_into(out):
        pass
    size = segmenters[0].frame_size if segmenters else _MASK_SIZE
    data = locate_data(dataset, root, size, None, options)
    store = FrameStore.build(data.store, frame_sources(dataset, recordings), frame_size=size)
    source = None if segmenters else layout.outlines(root)

    def walls_of(recording: Recording) -> list[NDArray[np.bool_]]:
        frames = np.asarray(store.frames(recording.id))
        if source is not None:
            if not source.knows(recording):
                raise ValueError("it has no masks")
            place = source.outlines.index(MYOCARDIUM)
            return [source.masks(recording, range(len(frames)), len(frames), size)[:, place]]
        return [each.masks(resize_frames(frames, each.frame_size), outline=MYOCARDIUM) for each in segmenters]

    rows, without = [], {}
    for recording in recordings:
        row: dict[str, Any] = {"recording": recording.id, "fold": recording.fold, "has_mi": recording.has_mi}
        try:
            row |= _features(walls_of(recording), rule)
        except ValueError as error:
            without[recording.id] = row["reason"] = str(error)
        rows.append(row)
    features = pd.DataFrame(rows)
    study = _diagnosed(features, without, recordings, rule, classifier, resamples, seed)
    document = {
        "result": "phantom result: simulated hearts" if data.is_phantom else "result on real hearts",
        "is_phantom": data.is_phantom,
        "notice": NOTICE,
        "walls": "masks of the data set" if source is not None else f"{len(segmenters)} segmenters",
        "rule": rule,
        "classifier": classifier,
        "num_recordings": len(recordings),
        "without_features": dict(without),
        "figures": "means over the folds",
        **study.metrics.to_dict(),
    }
    with writing_into(out):
        write_whole(out / "features.csv", features.to_csv(index=False))
        write_whole(out / "diagnoses.csv", study.diagnoses.to_csv(index=False))
        text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
        write_whole(out / "infarction.json", text + "\n")
    return study


def _features(walls: Sequence[NDArray[np.bool_]], rule: Rule) -> dict[str, float]:
    """Features by their names, of each segmenter in turn. Raises ValueError: a wall is none."""
    found = {}
    for number, masks in enumerate(walls, start=1):
        motion = wall_motion(masks)
        values = motion.degerli_features() if rule == "degerli" else motion.nguyen_features()
        found |= {f"segment_{segment}_of_{number}": value for segment, value in zip(SEGMENTS, values, strict=True)}
    return found


def _diagnosed(
    features: pd.DataFrame,
    without: Mapping[str, str],
    recordings: Sequence[Recording],
    rule: Rule,
    classifier: str,
    resamples: int,
    seed: int,
) -> InfarctionStudy:
    columns = [name for name in features if str(name).startswith("segment_")]
    if not columns:
        reason = next(iter(without.values()), "there is none")
        raise DatasetError(f"No recording has features of its wall; the first: {reason}.")
    known = features.dropna(subset=columns)
    values, labels = known[columns].to_numpy(dtype=np.float64), known["has_mi"].to_numpy(dtype=np.bool_)
    folds = known["fold"].to_numpy(dtype=np.int64)
    said = cross_validate(values, labels, folds, classifier, rule)
    diagnoses = known[["recording", "fold", "has_mi"]].assign(score=said.scores, diagnosis=said.is_infarct)
    by_id = {recording.id: recording for recording in recordings}
    metrics = metrics_mean_over_folds(
        labels,
        said.is_infarct.astype(np.float64),
        folds.tolist(),
        family=DiagnosisFamily(MI(), is_logit=False),
        patients=patients_of([by_id[name] for name in known["recording"]]),
        resamples=resamples,
        seed=seed,
    )
    return InfarctionStudy(features=features, diagnoses=diagnoses, metrics=metrics, without_features=without)
