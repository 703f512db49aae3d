"""Tables 1 to 3 of Maani et al. 2024, on EchoNet-Dynamic; and a planted shortcut, which only phantoms allow."""

from collections.abc import Sequence
from functools import partial

from coreecho.errors import RecipeError
from coreecho.evaluation import Clips
from coreecho.experiments.echonet_trainings import EchoNetTrainings
from coreecho.experiments.jobs import Training
from coreecho.experiments.runs import Weights
from coreecho.experiments.sources import Sources
from coreecho.experiments.tables import (
    Column,
    Comparison,
    PaperTable,
    Reading,
    TableRow,
    cited_row,
    figures_in_order,
    published_under,
)
from coreecho.training.recipe import SCRATCH

_R2 = Column(metric="r2", label="R2 (%)", scale=100)
_ECHONET_NOTES = (
    "EF: EchoNet-Dynamic's FileList.csv. Splits: its own TRAIN, VAL and TEST.",
    "A recording's EF is the mean over 3 evenly placed clips; the paper's authors take 3 random ones.",
    "Each training is tested with the weights of its best epoch on the validation split.",
)


def table1(sources: Sources) -> PaperTable:
    """CoReEcho against other methods."""
    train = EchoNetTrainings(sources)
    seeds = sources.scale.seeds if sources.scale.is_phantom else sources.scale.seeds[:1]
    columns = (
        Column(metric="mae", label="MAE"),
        Column(metric="rmse", label="RMSE"),
        _R2,
    )
    rows = (
        _row(
            "EchoNet-Dynamic: R(2+1)D-18, whole video",
            train.all("r2plus1d", seeds),
            clips="all",
            paper=(4.05, 5.32, 81),
        ),
        _row("EchoCoTr, 3 clips", train.all("echocotr", seeds), paper=(3.98, 5.30, 81)),
        _row("CoReEcho, 3 clips", train.all("coreecho", seeds), paper=(3.90, 5.13, 82)),
        _row("EchoCoTr, 1 clip", train.all("echocotr", seeds), clips=1, paper=(3.95, 5.17, 82)),
        # Tells what of the first row is due to the network, and what to the many clips of a whole video.
        _row("EchoNet-Dynamic: R(2+1)D-18, 3 clips", train.all("r2plus1d", seeds)),
        cited_row("EchoNet-Dynamic [18], single heartbeat", (4.22, 5.56, 79)),
        cited_row("[19], single heartbeat", (5.32, 7.23, 64)),
        cited_row("[19], whole video", (5.95, 8.38, 52)),
        cited_row("[25], single heartbeat", (4.01, 5.36, 81)),
        cited_row("[25], whole video", (4.23, 5.67, 79)),
    )
    return PaperTable(
        name="table1",
        title="EchoNet-Dynamic, test split",
        target="ef",
        columns=columns,
        rows=tuple(published_under(row, columns) for row in rows),
        comparisons=(
            Comparison(question="CoReEcho minus EchoCoTr", first=rows[1].label, second=rows[2].label),
            Comparison(question="CoReEcho minus R(2+1)D-18, 3 clips each", first=rows[4].label, second=rows[2].label),
        ),
        notes=(
            *_ECHONET_NOTES,
            *_scratch_notes(sources),
            "Whole video: the mean over clips that begin one stride after another, with no segmentation to find beats; "
            "EchoNet-Dynamic's program begins one at every frame. 1 clip: the middle one.",
            *sources.scale.notes,
        ),
        is_phantom=sources.scale.is_phantom,
    )


def table2(sources: Sources) -> PaperTable:
    """What each component adds."""
    train, seeds = EchoNetTrainings(sources), sources.scale.seeds
    scratch = train.all("coreecho-scratch", seeds)
    l1 = _row("L1 end to end", train.all("l1-scratch", seeds), paper=((75.11, 1.73),))
    l1st = _row("L1 + L1st", scratch, weights="stage1", paper=((77.07, 0.38),))
    first_published = _row("RnC as first published", train.all("rnc-scratch", seeds))
    echocotr = _row("EchoCoTr", train.all("echocotr", seeds), paper=((81.22, 0.80),))
    if train.has_k400:
        with_k400 = train.all("coreecho", seeds)
        k400 = _row("L1 + L1st + K400", with_k400, weights="stage1", paper=((81.50, 0.43),))
        before, coreecho = k400, _row("L1 + L1st + K400 + LP", with_k400, paper=((81.59, 0.18),))
    else:
        k400 = TableRow(label="L1 + L1st + K400", note="there are no Kinetics weights to start from")
        before, coreecho = l1st, _row("L1 + L1st + LP", scratch)
    comparisons = [
        Comparison(question="L1st against L1 end to end", first=l1.label, second=l1st.label),
        Comparison(question="L1st against RnC as first published", first=first_published.label, second=l1st.label),
        Comparison(question="what LP (stage 2) adds", first=before.label, second=coreecho.label),
        Comparison(question="CoReEcho against EchoCoTr", first=echocotr.label, second=coreecho.label),
    ]
    if train.has_k400:
        comparisons.append(Comparison(question="what K400 adds", first=l1st.label, second=k400.label))
    return PaperTable(
        name="table2",
        title="EchoNet-Dynamic, test split: ablation of the components, mean and standard deviation over seeds",
        target="ef",
        columns=(_R2, Column(metric="mae", label="MAE")),
        rows=tuple(published_under(row, (_R2,)) for row in (l1, l1st, first_published, k400, coreecho, echocotr)),
        comparisons=tuple(comparisons),
        notes=(
            *_ECHONET_NOTES,
            *_scratch_notes(sources),
            "L1 end to end sees two clips of each video in a step, as L1st does; EchoCoTr sees one.",
            "RnC as first published: its second stage is as long as its first. The paper does not measure it.",
            *sources.scale.notes,
        ),
        is_phantom=sources.scale.is_phantom,
    )


def _scratch_notes(sources: Sources) -> tuple[str, ...]:
    """What is to be said where the paper starts from Kinetics weights and the user has none."""
    given = {"--k400": sources.k400, "--r2plus1d": sources.r2plus1d}
    return tuple(
        f"`{flag} scratch`: models that start from Kinetics-400 in the paper start from random weights here."
        for flag, weights in given.items()
        if weights == SCRATCH
    )


def table3(sources: Sources) -> PaperTable:
    """What augmentation and two clips of each video add."""
    train, seeds = EchoNetTrainings(sources), sources.scale.seeds
    rows = (
        _row("L1st + A + 2xC", train.all("coreecho-scratch", seeds), weights="stage1", paper=((77.07, 0.38),)),
        _row("L1st + A", train.all("same-clip-scratch", seeds), weights="stage1", paper=((76.93, 0.44),)),
        _row("L1st + 2xC", train.all("no-augmentation-scratch", seeds), weights="stage1", paper=((68.24, 1.06),)),
    )
    return PaperTable(
        name="table3",
        title="EchoNet-Dynamic, test split: augmentation (A) and two clips of each video (2xC)",
        target="ef",
        columns=(_R2, Column(metric="mae", label="MAE")),
        rows=tuple(published_under(row, (_R2,)) for row in rows),
        comparisons=(
            Comparison(question="what two clips add", first=rows[1].label, second=rows[0].label),
            Comparison(question="what augmentation adds", first=rows[2].label, second=rows[0].label),
        ),
        notes=(*_ECHONET_NOTES, *sources.scale.notes),
        is_phantom=sources.scale.is_phantom,
    )


def cue_table(sources: Sources) -> PaperTable:
    """Whether a shortcut that is there in training alone misleads CoReEcho less than L1.

    Raises:
        RecipeError: the data are real.
    """
    if not sources.scale.is_phantom:
        raise RecipeError("The cue experiment plants a shortcut, which only phantoms allow: give `--phantom`.")
    train, seeds = EchoNetTrainings(sources), sources.scale.seeds
    honest = {kind: train.all(kind, seeds) for kind in ("l1-scratch", "coreecho-scratch")}
    planted = {kind: train.all(kind, seeds, cue=True) for kind in honest}
    names = {"l1-scratch": "L1 end to end", "coreecho-scratch": "CoReEcho"}
    rows = [_row(f"{names[kind]}, no cue", trainings) for kind, trainings in honest.items()]
    rows += [_row(f"{names[kind]}, cue in training", trainings) for kind, trainings in planted.items()]
    return PaperTable(
        name="cue",
        title="A planted shortcut: gain goes along with EF in TRAIN and VAL, and not in TEST "
        f"(strength {sources.scale.cue_strength:g})",
        target="ef",
        columns=(
            Column(metric="r2", label="TEST R2 (%)", scale=100),
            Column(metric="mae", label="TEST MAE"),
            Column(metric="r2", label="VAL R2 (%)", scale=100, reading="val"),
        ),
        rows=tuple(rows),
        comparisons=(
            Comparison(question="CoReEcho against L1, no cue", first=rows[0].label, second=rows[1].label),
            Comparison(question="CoReEcho against L1, cue in training", first=rows[2].label, second=rows[3].label),
        ),
        notes=("The paper suggests this and does not measure it.", *sources.scale.notes),
        is_phantom=True,
    )


def _row(
    label: str,
    trainings: tuple[Training, ...],
    *,
    paper: Sequence[float | tuple[float, float]] = (),
    clips: Clips = 3,
    weights: Weights = "best",
) -> TableRow:
    readings: dict[str, tuple[Reading, ...]] = {
        split: tuple(partial(job.read, split=split, clips=clips, weights=weights) for job in trainings)
        for split in ("test", "val")
    }
    return TableRow(label=label, jobs=trainings, readings=readings, published=figures_in_order(paper))
