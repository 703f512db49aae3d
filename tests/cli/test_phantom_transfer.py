from pathlib import Path

import pytest

from coreecho.cli.phantom import write_camus, write_hmc_qu
from coreecho.datasets import is_phantom_root


@pytest.mark.parametrize("write", [write_camus, write_hmc_qu])
def test_a_cohort_is_written_and_announced(write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "cohort", recordings=1, seed=1, workers=1)
    assert is_phantom_root(tmp_path / "cohort")
    assert "Written: 1 simulated patient, in" in capsys.readouterr().err
