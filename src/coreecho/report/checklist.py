"""Checklists of reporting guidelines and a model card, as Markdown, filled from a run as far as a program can."""

from collections.abc import Mapping
from pathlib import Path

from coreecho.files import write_whole, writing_into
from coreecho.names import readable
from coreecho.notices import NOTICE
from coreecho.report.checklist_items import CHECKLISTS, Checklist, Item

# What a program cannot know is marked so, to be searched for.
FOR_A_PERSON = "**For a person:**"


def write_checklists(facts: Mapping[str, str], out: Path, *, name: str) -> list[Path]:
    """Write one file a guideline, and model-card.md.

    Args:
        facts: of the run, as `run_facts` gives them.
        out: folder; made where it is missing.
        name: of the run.

    Returns:
        The files.

    Raises:
        CoReEchoError: they cannot be written.
    """
    texts = {f"{_file_name(checklist)}.md": checklist_text(checklist, facts, name=name) for checklist in CHECKLISTS}
    texts["model-card.md"] = model_card(facts, name=name)
    with writing_into(out):
        for file, text in texts.items():
            write_whole(out / file, text)
    return [out / file for file in texts]


def checklist_text(checklist: Checklist, facts: Mapping[str, str], *, name: str) -> str:
    """One guideline as a table, with what is left for a person marked."""
    rows = [f"| {item.place} | {item.asks} | {_answer(item, facts)} |" for item in checklist.items]
    blanks = sum(is_left(item, facts) for item in checklist.items)
    head = [
        f"# {checklist.name}: {_cell(name)}",
        "",
        f"Filled from what the run or the weights say. {len(rows) - blanks} of {len(rows)} lines need no more; "
        f"{blanks} have something left, marked {FOR_A_PERSON.strip('*:')}. What is asked is told in other words than "
        f"the guideline's own, which decide: {checklist.source}.",
        "",
        f"{NOTICE}",
        "",
        "| Item | What is asked | Answer |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def is_left(item: Item, facts: Mapping[str, str]) -> bool:
    """Whether a person still has something to say."""
    return item.left != "" or any(fact not in facts for fact in item.facts)


def _answer(item: Item, facts: Mapping[str, str]) -> str:
    told = [_cell(facts[fact]) for fact in item.facts if fact in facts]
    unknown = [fact.replace("_", " ") for fact in item.facts if fact not in facts]
    left = [item.left] if item.left else []
    left += [f"what the run does not say: {', '.join(unknown)}"] if unknown else []
    return " ".join([*told, *([f"{FOR_A_PERSON} {'; '.join(left)}."] if left else [])])


def model_card(facts: Mapping[str, str], *, name: str) -> str:
    """The card in the common form (Mitchell et al. 2019): details, use, factors, metrics, data, results, limits."""
    sections = (
        ("Model details", ("model", "input", "output", "start", "training", "software", "weights", "code")),
        ("Intended use", ("intended_use", "task")),
        ("Factors", ("subgroups", "frame_rates")),
        ("Metrics", ("metrics", "uncertainty")),
        ("Evaluation data", ("evaluated", "overlap")),
        ("Training data", ("data", "hearts", "splits", "label", "label_source", "preparation")),
        ("Results", ("results", "coverage")),
        ("What a number is worth", ("calibration", "refusal")),
        ("Ethical considerations", ()),
        ("Limits", ("limits",)),
    )
    lines = [f"# Model card: {_cell(name)}", "", NOTICE, ""]
    for title, names in sections:
        told = [f"- {_cell(facts[fact])}" for fact in names if fact in facts]
        lines += [f"## {title}", "", *(told or [f"{FOR_A_PERSON} nothing here is known to the run."]), ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A text within a table of Markdown."""
    return readable(text.replace("\n", " ")).replace("|", "\\|")


def _file_name(checklist: Checklist) -> str:
    return checklist.name.lower().replace("+", "-").replace(" ", "-")
