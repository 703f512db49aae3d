"""`coreecho train` as a user types it."""

import shutil
from pathlib import Path

import pytest

from coreecho.cli.main import app
from coreecho.errors import CoReEchoError, DatasetError, RecipeError
from coreecho.training import Hardware, Recipe, RunFolder
from coreecho.training import run as run_module

pytestmark = pytest.mark.usefixtures("rough_pictures")


def coreecho(*arguments: object) -> int:
    code = app([str(argument) for argument in arguments], result_action="return_value", exit_on_error=False)
    return int(code or 0)


TINY = "--encoder uniformer_xs --init scratch --num-frames 4 --frame-size 32 --crop-pad 2"
TINY += " --batch-size 4 --learning-rate 1e-3"
TINY += " --stage1-epochs 1 --stage2-epochs 1 --validation-clips 1 --device cpu"


def test_a_shipped_recipe_with_flags_trains_and_draws(
    phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert coreecho("train", "echonet", "--data", phantom_root, "--out", out, *TINY.split()) == 0
    run = RunFolder.open(out)
    # From the recipe's file where no flag says otherwise.
    assert (run.recipe.name, run.recipe.head_bias, run.recipe.decay_every) == ("echonet", 55.6, 15)
    assert (run.recipe.encoder, run.recipe.input.num_frames, run.recipe.input.stride) == ("uniformer_xs", 4, 4)
    pictures = {path.name for path in (out / "plots").iterdir()}
    assert pictures == {"learning_curves.png", "validation_scatter.png", "validation_bland_altman.png"}
    told = capsys.readouterr().err
    assert "simulated hearts" in told
    assert "coreecho evaluate" in told
    # Finished: going on with it changes nothing and says so again.
    assert coreecho("train", "--resume", out) == 0


def test_resume_keeps_the_hardware_that_no_flag_changes(
    phantom_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    assert coreecho("train", "demo", "--data", phantom_root, "--out", out, *TINY.split(), "--precision", "bf16") == 0
    used = []
    resume = run_module.resume
    monkeypatch.setattr(run_module, "resume", lambda run, **given: used.append(given["hardware"]) or resume(run))
    assert coreecho("train", "--resume", out, "--workers", "1") == 0
    assert used == [Hardware(device="cpu", precision="bf16", workers=1)]


def test_ablations_are_flags(phantom_root: Path, tmp_path: Path) -> None:
    switches = [
        "--objective",
        "l1",
        "--views",
        "same_clip",
        "--augmentation",
        "none",
        "--no-stage2",
        "--temperature",
        "2",
    ]
    assert coreecho("train", "demo", "--data", phantom_root, "--out", tmp_path / "run", *TINY.split(), *switches) == 0
    run = RunFolder.open(tmp_path / "run")
    recipe = run.recipe
    assert (recipe.objective, recipe.views, recipe.augmentation, recipe.stage2) == ("l1", "same_clip", "none", False)
    assert set(run.metrics().stage) == {"stage1"}
    assert "train_rnc" not in run.metrics()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"Say what to train"),
        (["demo"], r"Say on which data: `coreecho train demo --data ROOT`"),
        (["--resume", "run"], r"run: there is no such file or folder \(--resume\)"),
        (["--resume", "."], r"is not the folder of a run"),
        (["demon", "--data", "."], r"no recipe 'demon'"),
        (["demo", "--data", "missing", "--out", "out"], r"missing: there is no such file or folder \(--data\)"),
    ],
)
def test_mistakes_are_explained(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CoReEchoError, match=message):
        coreecho("train", *arguments)


def test_a_recipe_of_a_data_set_loads_it_as_its_protocol_does_unless_a_flag_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def note(recipe: Recipe, *, options: dict[str, object], **_: object) -> None:
        raise RecipeError(str(sorted(options.items())))

    monkeypatch.setattr(run_module, "train", note)
    start = ("train", "hmc-qu-probe", "--dataset", "hmc-qu", "--data", tmp_path, "--init", "scratch", "--fold", "2")
    with pytest.raises(RecipeError) as usual:
        coreecho(*start)
    assert str(usual.value) == "[('end_frame', 'exclusive'), ('fold', 2), ('validation', 'none')]"
    with pytest.raises(RecipeError, match=r"\('end_frame', 'inclusive'\)"):
        coreecho(*start, "--option", "end_frame=inclusive")
    # Any other recipe: as the loader has it.
    with pytest.raises(RecipeError, match=r"^\[\('fold', 2\)\]$"):
        coreecho("train", "demo", *start[2:])


def test_resume_takes_no_other_recipe_or_data_set(phantom_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert coreecho("train", "demo", "--data", phantom_root, "--out", out, *TINY.split()) == 0
    for extra in (["demo"], ["--dataset", "table"], ["--learning-rate", "1"], ["--out", "other"]):
        with pytest.raises(RecipeError, match="goes on with the recipe of that run"):
            coreecho("train", "--resume", out, *extra)


def test_a_wrong_value_names_flag_and_range(phantom_root: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="batch_size is 1, expected at least 2"):
        coreecho("train", "demo", "--data", phantom_root, "--out", tmp_path / "run", "--batch-size", "1")


def test_seeds_lie_side_by_side_and_are_compared_as_one_recipe(
    phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, out = tmp_path / "tree", tmp_path / "tiny"
    shutil.copytree(phantom_root, tree, ignore=shutil.ignore_patterns(".coreecho-store*"))
    gone = next(line.split(",")[0] for line in (tree / "FileList.csv").read_text().splitlines() if "TRAIN" in line)
    (tree / "Videos" / f"{gone}.avi").unlink()
    command = ["train", "demo", "--data", tree, "--out", out, *TINY.split(), "--seeds", "0:2"]
    # Of several seeds, too, all faults are named, and the way on.
    with pytest.raises(DatasetError, match="1 missing video"):
        coreecho(*command)
    command.append("--leave-out-faulty")
    assert coreecho(*command) == 0
    runs = [RunFolder.open(out / f"seed-{seed}") for seed in (0, 1)]
    assert [run.recipe.seed for run in runs] == [0, 1]
    assert all(run.is_finished and run.state.exists() for run in runs)
    before = [run.best_weights.stat().st_mtime_ns for run in runs]
    # Given again it finds them done, though they say by name what they leave out, and a run grows longer where that is
    # asked for.
    assert coreecho(*command) == 0
    assert [run.best_weights.stat().st_mtime_ns for run in runs] == before
    capsys.readouterr()
    assert coreecho("train", "--resume", runs[0].path, "--stage2-epochs", "2") == 0
    assert "bit for bit" in " ".join(capsys.readouterr().err.split())
    assert len(RunFolder.open(runs[0].path).metrics()) == 3

    table = tmp_path / "compare.csv"
    assert coreecho("compare", out, out, "--csv", table, "--split", "VAL", "--resamples", "50", "--device", "cpu") == 0
    assert "mean of 2 seeds" in table.read_text()


def test_a_broken_tree_is_named_whole_and_can_be_gone_on_without(
    phantom_root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(phantom_root, tree, ignore=shutil.ignore_patterns(".coreecho-store*"))
    rows = (tree / "FileList.csv").read_text().splitlines()
    named = [row.split(",")[0] for row in rows[1:] if row.endswith("TRAIN")]
    (tree / "Videos" / f"{named[0]}.avi").write_bytes(b"no video at all " * 100)
    cells = {row.split(",")[0]: dict(zip(rows[0].split(","), row.split(","), strict=True)) for row in rows[1:]}
    cells[named[1]]["Split"], cells[named[2]]["EF"], cells[named[3]]["NumberOfFrames"] = "TRIAN", "0.55", "3"
    table = "\n".join([rows[0], *(",".join(row.values()) for row in cells.values())])
    (tree / "FileList.csv").write_text(table + "\n")
    command = ["train", "demo", "--data", tree, "--out", tmp_path / "run", *TINY.split()]
    with pytest.raises(DatasetError) as raised:
        coreecho(*command)
    text = str(raised.value)
    assert "1 row with a bad Split" in text
    assert "1 clip that cannot be read" in text
    assert "--leave-out-faulty" in text
    assert coreecho(*command, "--leave-out-faulty") == 0
    told = [record.getMessage().split(" is ")[0] for record in caplog.records if record.levelname == "WARNING"]
    assert sorted(name for name in told if name in named) == sorted(named[:4]), "each once"
    run = RunFolder.open(tmp_path / "run")
    assert sorted(run.info["left_out"]) == sorted(named[:4]), "what the doctor lists, and nothing else"
    assert not set(named[:4]) & {recording.id for recording in run.all_recordings}
    said = (tmp_path / "run" / "train.log").read_text()
    assert all(said.count(f"{name} is left out: ") == 1 for name in named[:4])
    assert "3 declared" in said
