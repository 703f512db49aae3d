"""A slip of the fingers is answered before PyTorch is imported, which takes longer than all else of the answer."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

# In one process: each command line, its exit code, what it said, and whether PyTorch came with it.
_PROGRAM = """
import contextlib, io, json, sys
from coreecho.cli.main import main

told = []
for words in json.load(sys.stdin):
    sys.argv, said = ["coreecho", *words], io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            main()
    except SystemExit as left:
        told.append([left.code, " ".join(said.getvalue().split()), "torch" in sys.modules, "scipy" in sys.modules])
json.dump(told, sys.stdout)
"""
# Those of commands come first, before another answer has brought what they must not bring.
_MISTAKES = {
    "trian": "Did you mean `train`?",
    "evaluat": "Did you mean `evaluate`?",
    "pedict clip.dcm": "Did you mean `predict`?",
    "Predict clip.dcm": "Did you mean `predict`?",
    "somewhere": "All of them: `coreecho --help`",
    "train echonett": "Did you mean 'echonet'?",
    "train demo": "Say on which data",
    "train demo --data /no/such": "/no/such: there is no such file or folder",
    "train demo --data . --dataset echonett": "Did you mean 'echonet'?",
    "train demo --data . --objective l2": "did you mean l1?",
    "train demo --data . --encoder unifomer_small": "did you mean uniformer_small?",
    "train demo --data . --optimizer madgard": "did you mean madgrad?",
    "train demo --data . --batch-size 1": "batch_size is 1, expected at least 2",
    "train demo --data . --seeds five": "`--seeds` is five",
    "train demo --data . --lr 0.1": "Did you mean --learning-rate?",
    "train demo --data . --device gpux": "such as `cuda:1` or `mps`; did you mean gpu?",
    "predict default --device cuda:first": "such as `cuda:1` or `mps`; did you mean cuda?",
    "train --resume .": "is not the folder of a run",
    "evaluate .": "is not the folder of a run",
    "evaluate default --split TESTT": "--split has no 'TESTT'. Did you mean test?",
    "phantom echonet tiny --studies 3 --sed 1": "Did you mean --seed?",
    "evaluate default --clips 0": "UsageError: --clips is 0, expected at least 1 and at most 10,000.",
    "report default --clips -1": "UsageError: --clips is -1, expected at least 1 and at most 10,000.",
    "predict . --clips 100000000000": "--clips is 100000000000, expected at least 1 and at most 10,000.",
    "train demo --data . --crop-pad 1000000000": "crop_pad is 1000000000, expected at most 4,096",
    "store build echonet . --frame-size 999999": "UsageError: --frame-size is 999999, expected at most 4096.",
    "convert . out --frame-size 33": "UsageError: --frame-size is 33, expected a multiple of 2.",
    "convert . out --fps -1": "UsageError: --fps is -1, expected more than 0.",
    "predict . --clips many": "UsageError: --clips is many, expected a whole number or all.",
    "train demo --data . --head-bias x": "UsageError: --head-bias is x, expected a number.",
    "train demo --data . --std 1 2": "UsageError: --std takes 3 values, and 2 were given.",
    "train demo --data . --seed 1 --seed 2": "UsageError: --seed is given more than once, expected once.",
    "train demo --data": "UsageError: --data needs a value.",
    "train hmc-qu-probe --data . --end-frame exclusive": "it is one of a data set, `--option end_frame=VALUE`",
    "report .": "is not the folder of a run",
    "compare . .": "is not the folder of a run",
    "doctor ecohnet .": "Did you mean 'echonet'?",
    "doctor echonet": "UsageError: `coreecho doctor` needs ROOT.",
    "transfer camu --data . --from scratch --method probe": "Did you mean 'camus'?",
    "phantom echonet --out tiny": "OUT is given in its place",
    "phantom echonet tiny --count 3": "Did you mean --recordings?",
    "phantom camus tiny --patients 3": "Did you mean --recordings?",
    "phantom hmc-qu tiny --n 3": "Did you mean --recordings?",
    "reproduce table22": "Did you mean 'table2'?",
    "reproduce table2": "give `--data ROOT`, or `--phantom`",
}


@pytest.fixture(scope="module")
def told() -> dict[str, tuple[int, str, bool, bool]]:
    lines = json.dumps([words.split() for words in _MISTAKES])
    found = subprocess.run([sys.executable, "-c", _PROGRAM], input=lines, capture_output=True, text=True, check=True)
    return {words: tuple(each) for words, each in zip(_MISTAKES, json.loads(found.stdout), strict=True)}


@pytest.mark.parametrize("words", _MISTAKES)
def test_a_mistake_is_answered_without_pytorch(words: str, told: dict[str, tuple[int, str, bool, bool]]) -> None:
    code, said, brings_torch, _ = told[words]
    assert _MISTAKES[words] in said
    assert "?." not in said
    assert code == 2
    assert not brings_torch


@pytest.mark.parametrize("words", ["trian", "evaluat", "pedict clip.dcm", "Predict clip.dcm", "somewhere"])
def test_a_mistyped_command_brings_no_other_commands(words: str, told: dict[str, tuple[int, str, bool, bool]]) -> None:
    assert not told[words][3]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train demo --data . --stage2 false", "false was given: `--stage2` is yes, `--no-stage2` no."),
        ("train demo --data . --leave-out-faulty yes", "`--leave-out-faulty` is yes, leaving it out no."),
        ("phantom echonet one two", "UsageError: `coreecho phantom echonet` has no place for two."),
    ],
)
def test_a_word_too_many_is_named(words: str, told: str, command_line: Callable[..., Any]) -> None:
    shown = command_line(*words.split())
    assert shown.returncode == 2
    assert told in shown.stderr
