"""Who the patients are: every layout becomes one list of records with labels, splits and folds."""

from typing import TYPE_CHECKING, Any

from coreecho.later import import_from

if TYPE_CHECKING:
    from coreecho.datasets.beat_files import Beat
    from coreecho.datasets.camus import camus_clip, load_camus
    from coreecho.datasets.echonet_dynamic import load_echonet_dynamic
    from coreecho.datasets.echonet_pediatric import load_echonet_pediatric
    from coreecho.datasets.faults import FaultyDatasetError
    from coreecho.datasets.folds import split_by_fold
    from coreecho.datasets.hmc_qu import hmc_qu_clip, load_hmc_qu
    from coreecho.datasets.labels import check_labels, fault_of_labels, scaled
    from coreecho.datasets.layout import LAYOUTS, Layout, load_recordings, video_files
    from coreecho.datasets.options import Option
    from coreecho.datasets.phantom_marks import is_phantom_root
    from coreecho.datasets.recording import Recording, Split, View
    from coreecho.datasets.survey import Recordings, Survey
    from coreecho.datasets.table import load_table
    from coreecho.datasets.tracings import ed_es, polygon_area, read_tracings

__all__ = [
    "LAYOUTS",
    "Beat",
    "FaultyDatasetError",
    "Layout",
    "Option",
    "Recording",
    "Recordings",
    "Split",
    "Survey",
    "View",
    "camus_clip",
    "check_labels",
    "ed_es",
    "fault_of_labels",
    "hmc_qu_clip",
    "is_phantom_root",
    "load_camus",
    "load_echonet_dynamic",
    "load_echonet_pediatric",
    "load_hmc_qu",
    "load_recordings",
    "load_table",
    "polygon_area",
    "read_tracings",
    "scaled",
    "split_by_fold",
    "video_files",
]

_ROOM_OF = {
    "Beat": "coreecho.datasets.beat_files",
    "FaultyDatasetError": "coreecho.datasets.faults",
    "LAYOUTS": "coreecho.datasets.layout",
    "Layout": "coreecho.datasets.layout",
    "Option": "coreecho.datasets.options",
    "Recording": "coreecho.datasets.recording",
    "Recordings": "coreecho.datasets.survey",
    "Split": "coreecho.datasets.recording",
    "Survey": "coreecho.datasets.survey",
    "View": "coreecho.datasets.recording",
    "camus_clip": "coreecho.datasets.camus",
    "check_labels": "coreecho.datasets.labels",
    "ed_es": "coreecho.datasets.tracings",
    "fault_of_labels": "coreecho.datasets.labels",
    "video_files": "coreecho.datasets.layout",
    "hmc_qu_clip": "coreecho.datasets.hmc_qu",
    "is_phantom_root": "coreecho.datasets.phantom_marks",
    "load_camus": "coreecho.datasets.camus",
    "load_echonet_dynamic": "coreecho.datasets.echonet_dynamic",
    "load_echonet_pediatric": "coreecho.datasets.echonet_pediatric",
    "load_hmc_qu": "coreecho.datasets.hmc_qu",
    "load_recordings": "coreecho.datasets.layout",
    "load_table": "coreecho.datasets.table",
    "polygon_area": "coreecho.datasets.tracings",
    "read_tracings": "coreecho.datasets.tracings",
    "scaled": "coreecho.datasets.labels",
    "split_by_fold": "coreecho.datasets.folds",
}


def __getattr__(name: str) -> Any:
    return import_from(_ROOM_OF, name, package=__name__)
