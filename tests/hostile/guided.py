"""Damage that follows the branches of readers: `python -m tests.hostile.guided --seconds 60`, with `atheris` installed.

Atheris looks which lines an input reaches, and keeps those that reach new ones. As in the campaign, a reader may read a
file or refuse it by an error of this package; anything else ends its run, and its input is kept. Atheris has wheels for
Linux and Python 3.11 alone, and is no part of the environment: `pip install atheris`.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from tests.hostile.campaign import trial_folder

# Those whose reader is Python of this package or of pydicom; what is compiled shows no branches.
DEFAULT = (
    "volumes", "dicom", "tables", "echonet", "cards", "recipes", "start-index", "store",
    "calibrations", "archives", "labels",
)  # fmt: skip
_MAX_BYTES = 64 * 1024
_MEMORY_MB = 4096
_SECONDS_A_CASE = 10


def fuzz(name: str, folder: Path, arguments: list[str]) -> None:
    """In a process of its own: read what atheris makes of the sound files until it stops."""
    import atheris

    with atheris.instrument_imports(include=["coreecho", "pydicom"]):
        from tests.hostile.targets import TARGETS, write_target

        from coreecho.errors import CoReEchoError

        sound = write_target(name, folder / "sound")
        TARGETS[name].read(folder / "sound", sound[0])
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, path in enumerate(sound):
        # The first byte says which of the sound files is replaced.
        (corpus / f"{number}").write_bytes(bytes([number]) + path.read_bytes()[: _MAX_BYTES - 1])
    contents = [path.read_bytes() for path in sound]

    def read_one(content: bytes) -> None:
        which = content[0] % len(sound) if content else 0
        sound[which].write_bytes(content[1:])
        try:
            TARGETS[name].read(folder / "sound", sound[which])
        except CoReEchoError:
            return
        finally:
            sound[which].write_bytes(contents[which])

    atheris.Setup([sys.argv[0], str(corpus), *arguments], read_one)
    atheris.Fuzz()


def main() -> int:
    """Run the campaign; 1 where there are findings, 0 where atheris is not installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="of each kind of file")
    parser.add_argument("--seed", type=int, default=1)
    # By the clock: a machine with much else to do needs more.
    parser.add_argument("--timeout", type=int, default=_SECONDS_A_CASE, help="seconds that one file may take")
    parser.add_argument("--only", nargs="*", help="kinds of files")
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("Atheris is not installed (pip install atheris): no damage that follows the readers' branches.")
        return 0
    if given.child:
        name, folder, *arguments = json.loads(given.child)
        fuzz(name, Path(folder), arguments)
        return 0
    given.findings.mkdir(parents=True, exist_ok=True)
    counts, num_findings = {}, 0
    for name in given.only or DEFAULT:
        with trial_folder() as folder:
            limits = [f"-max_total_time={given.seconds}", f"-seed={given.seed}", f"-max_len={_MAX_BYTES}"]
            limits += [f"-timeout={given.timeout}", f"-rss_limit_mb={_MEMORY_MB}"]
            kept = f"-artifact_prefix={given.findings / name}-"
            child = json.dumps([name, folder, *limits, kept, "-print_final_stats=1"])
            done = subprocess.run(
                [sys.executable, "-m", "tests.hostile.guided", "--child", child], capture_output=True, text=True
            )
        said = [line.split() for line in done.stderr.splitlines() if line.startswith("stat::number_of_executed_units")]
        counts[name] = int(said[0][-1]) if said else 0
        if done.returncode:
            num_findings += 1
            (given.findings / f"{name}.txt").write_text(done.stderr[-20_000:])
        print(f"{name}: {counts[name]} files, {'a finding' if done.returncode else 'nothing'}", flush=True)
    print(json.dumps({"seed": given.seed, "files": counts, "findings": num_findings}))
    return int(num_findings > 0)


if __name__ == "__main__":
    sys.exit(main())
