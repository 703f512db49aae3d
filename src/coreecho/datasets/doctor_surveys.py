"""How the doctor reads each data set's tables: the loaders' surveys, and contours that loaders do not look at."""

from collections.abc import Callable
from pathlib import Path

from coreecho.datasets.camus import survey_camus
from coreecho.datasets.echonet_dynamic import is_converted_root, read_tracings, survey_echonet_dynamic
from coreecho.datasets.echonet_pediatric import VIEWS, survey_echonet_pediatric
from coreecho.datasets.faults import FaultyDatasetError
from coreecho.datasets.hmc_qu import survey_hmc_qu
from coreecho.datasets.survey import Survey
from coreecho.datasets.table import survey_table
from coreecho.datasets.table_rows import read_table_rows
from coreecho.errors import DatasetError

# Videos of the published EchoNet-Dynamic with fewer than two traced frames.
_PUBLISHED_UNTRACED = 6
TRACINGS_BEYOND = "tracings on frames that their videos do not have"


def _survey_echonet(root: Path) -> Survey:
    survey = survey_echonet_dynamic(root)
    if is_converted_root(root) and not (root / "VolumeTracings.csv").exists():
        survey.remarks.append(
            "`coreecho convert` made this data set, which has no tracings: train with `--no-require-two-traced-frames`."
        )
        return survey
    listed = {recording.id for recording in survey.recordings}
    try:
        tracings = read_tracings(root)
    except FaultyDatasetError as error:
        for kind, cases in error.faults.items():
            survey.flaws.setdefault(f"VolumeTracings.csv: {kind}", []).extend(cases)
        return survey
    except DatasetError as error:
        survey.add_flaw("tables that cannot be used", str(error))
        return survey
    for name in sorted(tracings.keys() - listed):
        survey.add_flaw("tracings without a video", f"VolumeTracings.csv: {name}")
    untraced = sorted(name for name in listed if len(tracings.get(name, ())) < 2)
    if 0 < len(untraced) <= _PUBLISHED_UNTRACED:
        survey.remarks.append(
            f"{len(untraced)} videos have fewer than two traced frames (6 in the published data set): "
            f"{', '.join(untraced)}."
        )
    elif untraced:
        survey.flaws["videos with fewer than two traced frames"] = untraced
    survey.traced_frames = {name: tuple(frames) for name, frames in tracings.items() if name in listed}
    return survey


def _survey_pediatric(root: Path) -> Survey:
    survey = survey_echonet_pediatric(root)
    for view in VIEWS:
        if not (root / view).is_dir():
            continue
        try:
            rows = read_table_rows(root / view / "VolumeTracings.csv", required=("FileName", "Frame")).rows
        except DatasetError as error:
            survey.add_flaw("tables that cannot be used", str(error))
            continue
        traced = {row["FileName"].removesuffix(".avi") for _, row in rows}
        listed = {recording.path.stem for recording in survey.recordings if recording.view == view}
        for name in sorted(traced - listed):
            survey.add_flaw("tracings without a video", f"{view}/VolumeTracings.csv: {name}")
        if listed - traced:
            survey.remarks.append(f"{len(listed - traced)} videos in {view} have no tracings.")
    return survey


SURVEYS: dict[str, Callable[[Path], Survey]] = {
    "camus": lambda root: survey_camus(root, view="all"),
    "echonet": _survey_echonet,
    "echonet-pediatric": _survey_pediatric,
    "hmc-qu": lambda root: survey_hmc_qu(root, view="all"),
    "table": survey_table,
}
