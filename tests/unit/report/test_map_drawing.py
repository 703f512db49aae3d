from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coreecho.report.map_drawing import draw_maps
from coreecho.representation.embedding_map import PlacedClip, make_map
from coreecho.representation.embedding_set import EmbeddingSet


def test_maps_side_by_side(plane: EmbeddingSet, tmp_path: Path, assert_png: Callable[[Path], None]) -> None:
    unlabelled = plane.ef_percent.copy()
    unlabelled[:3] = np.nan
    made = make_map(replace(plane, true=unlabelled), method="pca")
    draw_maps([made, made], tmp_path / "two.png", placed=[[PlacedClip("new", 0, 0, 55)], []])
    draw_maps([made], tmp_path / "one.png")
    assert_png(tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()
    for name, is_phantom in (("real", False), ("simulated", True)):
        recordings = replace(made.recordings, source="TEST split", is_phantom=is_phantom)
        draw_maps([replace(made, recordings=recordings)], tmp_path / f"{name}.png")
    assert (tmp_path / "real.png").read_bytes() != (tmp_path / "simulated.png").read_bytes()
    with pytest.raises(ValueError, match="at least one map"):
        draw_maps([], tmp_path / "none.png")
