"""`coreecho reproduce` as a user types it, at a size that takes seconds."""

import json
from pathlib import Path

import pandas as pd
import pytest

from coreecho.cli.main import app
from coreecho.errors import RecipeError
from coreecho.experiments import runs
from coreecho.experiments.scales import Scale


def coreecho(*arguments: object) -> int:
    code = app([str(argument) for argument in arguments], result_action="return_value", exit_on_error=False)
    return int(code or 0)


@pytest.fixture(autouse=True)
def micro(micro_scale: Scale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coreecho.experiments.scales.QUICK", micro_scale)


def forbid_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("trained"))


def test_a_table_is_planned_trained_and_written_once(
    reproduction: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("reproduce", "table2", "--quick", "--out", reproduction, "--device", "cpu")
    with monkeypatch.context() as patched:
        forbid_training(patched)
        assert coreecho(*arguments, "--plan") == 0
    planned = capsys.readouterr().out
    for name in ("l1-scratch-seed0", "coreecho-scratch-seed1", "rnc-scratch-seed0", "echocotr-seed1", "together"):
        assert name in planned
    assert not (reproduction / "runs").exists()
    assert not (reproduction / "table2.csv").exists()

    assert coreecho(*arguments) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "phantom result" in shown
    assert "what LP (stage 2) adds" in shown
    # A difference of its own trainings is there, and none to the paper.
    lines = pd.read_csv(reproduction / "table2.csv").set_index(["row", "column"])
    assert lines["difference"].isna().all()
    r2 = lines.loc[("L1 + L1st", "R2 (%)")]
    assert (r2.paper, r2.paper_sd, r2.num_seeds, r2.num_recordings) == (77.07, 0.38, 2, 5)
    of_stage_2 = lines.loc[("what LP (stage 2) adds", "MAE")].measured
    both = lines.loc[("L1 + L1st + LP", "MAE")].measured - lines.loc[("L1 + L1st", "MAE")].measured
    assert of_stage_2 == pytest.approx(both)
    document = json.loads((reproduction / "table2.json").read_text())
    assert (document["table"], document["is_phantom"], document["scale"]["name"]) == ("table2", True, "micro")
    assert any(note.startswith("Trained in fp32 by PyTorch") for note in document["notes"])
    page = (reproduction / "table2.html").read_text()
    assert "Phantom result: simulated hearts" in page
    assert "Nothing is learned" in page
    assert str(reproduction) not in page

    before = (reproduction / "table2.json").read_text()
    forbid_training(monkeypatch)
    assert coreecho(*arguments) == 0
    assert (reproduction / "table2.json").read_text() == before
    assert "done" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table1"], "give `--data ROOT`, or `--phantom`"),
        (["cue", "--data", "."], "which only phantoms allow"),
        (["table2", "--quick", "--data", "."], "--data cannot go with simulated hearts"),
        (["table4", "--phantom", "--coreecho", "x", "--echocotr", "y"], "--coreecho, --echocotr cannot go with"),
        (["table2", "--data", ".", "--k400", "gone"], "there is no such file"),
        (["table3", "--data", ".", "--k400", "x", "--coreecho", "y"], "table3 makes no use of --k400, --coreecho"),
        (["table2", "--quick", "--store", "."], "--store cannot go with simulated hearts"),
        (["table1", "--quick", "--start-index", "there"], "--start-index cannot go with simulated hearts"),
        (["table2", "--data", ".", "--k400", "x", "--start-index", "there"], "table2 has no row that takes"),
        (["table5", "--data", ".", "--protocol", "mine"], "expected published or held-out"),
        (["table2", "--quick", "--batch-size-test", "0"], "`batch_size_test` is 0"),
        (["table2", "--quick", "--devices", "2"], "each on one device"),
        (["table6"], "table6"),
    ],
)
def test_mistakes_are_explained(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    forbid_training(monkeypatch)
    with pytest.raises(Exception, match=message):
        coreecho("reproduce", *arguments)
    assert not list(tmp_path.glob("reproduction*"))


def test_the_mistake_of_phantoms_with_weights_is_the_users() -> None:
    with pytest.raises(RecipeError, match="leave out either that"):
        coreecho("reproduce", "table4", "--quick", "--coreecho", "runs/echonet")


def test_the_help_says_what_each_table_is(capsys: pytest.CaptureFixture[str]) -> None:
    coreecho("reproduce", "--help")
    shown = capsys.readouterr().out
    for word in ("--phantom", "--quick", "--plan", "CAMUS", "HMC-QU", "cue"):
        assert word in shown
