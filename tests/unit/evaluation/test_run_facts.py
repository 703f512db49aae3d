import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coreecho.evaluation.run_facts import _evaluations


def test_evaluations_that_are_damaged_are_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sound = json.dumps({"metrics": {"mae": {"estimate": 4.0}}, "bootstrap": {}})
    contents = {"test-3": sound, "test-all": sound[:-1], "val-3": '{"metrics": {}, "metrics": {}, "bootstrap": {}}'}
    for name, content in contents.items():
        path = tmp_path / "evaluation" / name / "metrics.json"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    run: Any = SimpleNamespace(path=tmp_path)
    with caplog.at_level(logging.WARNING, logger="coreecho"):
        assert [name for name, _ in _evaluations(run)] == ["test-3"]
    assert "test-all/metrics.json: This record of an evaluation cannot be read: it is no JSON" in caplog.text
    assert "val-3/metrics.json" in caplog.text
    assert "the name 'metrics' comes twice" in caplog.text
