"""What a model learned: where it looks, what lies near what, and how continuous that is."""

from coreecho.explain.continuity import knn_ef_error, rank_correlation, rnc_loss
from coreecho.explain.continuity_comparison import ContinuityDifference, compare_continuity
from coreecho.explain.continuity_recordings import ContinuityProtocol
from coreecho.explain.dataset_explanation import FocusProtocol, explain_dataset
from coreecho.explain.embedding_files import load_embeddings, save_embeddings
from coreecho.explain.embedding_map import EmbeddingMap, PlacedClip, draw_maps, make_map, place_on_map
from coreecho.explain.embedding_set import EmbeddingSet
from coreecho.explain.embeddings import embed_recordings, embed_run
from coreecho.explain.explained_variance import explained_shares
from coreecho.explain.file_explanation import explain_file
from coreecho.explain.grad_cam import GradCam, grad_cam
from coreecho.explain.lv_focus import LVFocus, lv_focus_of_recordings, mean_lv_focus
from coreecho.explain.map_page import map_fragment, map_page
from coreecho.explain.neighbour_search import search_neighbours, write_neighbours
from coreecho.explain.neighbours import Neighbour, NeighbourIndex, most_alike
from coreecho.explain.run_continuity import measure_continuity
from coreecho.explain.smoothness import EFPath, Smoothness, mean_smoothness, smoothness
from coreecho.explain.video_explanation import VideoExplanation, explain_video

__all__ = [
    "ContinuityDifference",
    "ContinuityProtocol",
    "EFPath",
    "EmbeddingMap",
    "EmbeddingSet",
    "FocusProtocol",
    "GradCam",
    "LVFocus",
    "Neighbour",
    "NeighbourIndex",
    "PlacedClip",
    "Smoothness",
    "VideoExplanation",
    "compare_continuity",
    "draw_maps",
    "embed_recordings",
    "embed_run",
    "explain_dataset",
    "explain_file",
    "explain_video",
    "explained_shares",
    "grad_cam",
    "knn_ef_error",
    "load_embeddings",
    "lv_focus_of_recordings",
    "make_map",
    "map_fragment",
    "map_page",
    "mean_lv_focus",
    "mean_smoothness",
    "measure_continuity",
    "most_alike",
    "place_on_map",
    "rank_correlation",
    "rnc_loss",
    "save_embeddings",
    "search_neighbours",
    "smoothness",
    "write_neighbours",
]
