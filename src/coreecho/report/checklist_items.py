"""What three reporting guidelines ask of a study with a model, in our words, and which facts of a run answer it.

TRIPOD+AI (Collins et al. 2024, BMJ 385:e078378) by its item numbers; CLAIM, update of 2024 (Tejani et al. 2024,
Radiology: Artificial Intelligence 6:e240300), by its sections, and PRIME (Sengupta et al. 2020, JACC: Cardiovascular
Imaging 13:2017) by its seven parts. The guidelines' own texts decide; these lines only say where to look.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that a guideline asks for.

    Attributes:
        place: its number, or the section it is in.
        asks: in our words.
        facts: names of what a run knows of it, as `run_facts` gives them; none where only a person can tell.
        left: what a person still has to say; empty where the facts are all.
    """

    place: str
    asks: str
    facts: tuple[str, ...] = ()
    left: str = ""


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """A guideline.

    Attributes:
        name: as it is known.
        source: where its own text is.
        items: in its order.
    """

    name: str
    source: str
    items: tuple[Item, ...]


def _item(place: str, asks: str, facts: str = "", left: str = "") -> Item:
    return Item(place=place, asks=asks, facts=tuple(facts.split()), left=left)


TRIPOD_AI = Checklist(
    name="TRIPOD+AI",
    source="Collins GS et al. BMJ 2024;385:e078378",
    items=(
        _item("1", "Title that names the kind of study, whom and what it predicts", "task", "the title"),
        _item("2", "Abstract", left="the abstract"),
        _item(
            "3", "Background: why, for whom, who uses it, known inequalities", "intended_use", "the clinical question"
        ),
        _item("4", "Objectives: development, evaluation, or both", "evaluated", "which of them the study is"),
        _item("5", "Where data come from, when they were taken", "data hearts", "dates, and why these data"),
        _item("6", "Setting, who was eligible, treatments", left="centres, eligibility and treatments"),
        _item("7", "How data were prepared, and alike for all groups", "preparation"),
        _item(
            "8",
            "What is predicted, how and by whom it was measured",
            "label label_source",
            "who read it, and blinded to what",
        ),
        _item("9", "What the model sees", "input"),
        _item("10", "How many, and why so many", "splits", "why this many suffice"),
        _item("11", "What was missing, and what was done about it", "missing", "why it was missing"),
        _item(
            "12",
            "Analysis: use of the data, model, training, how it was judged, how probabilities were calibrated",
            "splits model training selection metrics uncertainty calibration",
        ),
        _item("13", "What was done about classes of unlike size", "imbalance"),
        _item("14", "What was done for fairness", "subgroups", "groups of patients that were compared"),
        _item("15", "What the model puts out, and thresholds", "output calibration"),
        _item("16", "How training and evaluation data differ", "evaluated overlap", "setting and patients of each"),
        _item("17", "Ethical approval and consent", left="who approved it, and consent"),
        _item("18", "Funding, interests, protocol, registration, data, code", "code seeds", "all but the code"),
        _item("19", "What patients and the public had a part in", left="this"),
        _item("20", "Flow and characteristics of participants", "splits label", "age, sex, disease, and a flow chart"),
        _item("21", "Numbers of participants and of outcomes in each analysis", "splits label"),
        _item("22", "The whole model, so that others can use it", "weights model"),
        _item("23", "Performance with intervals, also in groups", "results coverage subgroups"),
        _item("24", "Updating of the model", "calibration", "whether it was updated, and how it changed"),
        _item("25", "What the results mean", left="this"),
        _item("26", "Limits", "limits", "those of the study"),
        _item("27", "Use: poor or missing input, skill of the user, next steps", "refusal", "what users must know"),
    ),
)

CLAIM = Checklist(
    name="CLAIM 2024",
    source="Tejani AS et al. Radiology: Artificial Intelligence 2024;6:e240300",
    items=(
        _item(
            "Title and abstract",
            "That AI is used, and what kind; a structured summary",
            "model task",
            "title, abstract",
        ),
        _item(
            "Introduction", "Clinical background, role of the model, aims", "intended_use", "background and hypotheses"
        ),
        _item("Methods, design", "Prospective or not; goal of the study", left="this"),
        _item("Methods, data", "Sources, eligibility", "data hearts", "who was left out, and why"),
        _item("Methods, data", "What was done to the pictures before the model saw them", "preparation input"),
        _item("Methods, data", "How parts of the data were chosen", "missing", "why these"),
        _item("Methods, data", "Removal of what identifies patients", left="how, and who checked it"),
        _item("Methods, data", "What was missing", "missing"),
        _item("Methods, data", "How pictures were acquired", "frame_rates", "scanners and protocol"),
        _item(
            "Methods, reference",
            "Definition, reason and source of the truth",
            "label label_source",
            "why it is the truth",
        ),
        _item("Methods, reference", "Who annotated the test set; agreement of readers", left="this"),
        _item("Methods, partitions", "How data were divided, and what lies in no two parts", "splits overlap"),
        _item("Methods, test data", "Intended size", "splits", "how it was decided"),
        _item("Methods, model", "Description: input, output, layers", "model input output"),
        _item("Methods, model", "Software and its versions", "software"),
        _item("Methods, model", "Starting values", "start"),
        _item("Methods, training", "Augmentation, hyperparameters, number of models", "training"),
        _item("Methods, training", "How the final model was chosen", "selection"),
        _item("Methods, training", "Ensembles", "ensemble"),
        _item("Methods, evaluation", "Metrics, significance and uncertainty", "metrics uncertainty calibration"),
        _item("Methods, evaluation", "Robustness and sensitivity", "refusal"),
        _item("Methods, evaluation", "Explanation of what the model does", "explained"),
        _item("Methods, evaluation", "On internal, and on external data", "evaluated"),
        _item("Results, data", "Flow and demographics, in each part", "splits label", "age, sex, disease, flow chart"),
        _item("Results, performance", "Performance with precision, in all parts", "results coverage"),
        _item("Results, performance", "Analysis of failures", "failures"),
        _item("Discussion", "Limits, bias, how far it carries; use in practice", "limits", "those of the study"),
        _item("Other", "Registration and protocol", left="this"),
        _item("Other", "Where software, model and data are to be had", "code weights", "whether they are public"),
        _item("Other", "Funding", left="this"),
    ),
)

PRIME = Checklist(
    name="PRIME",
    source="Sengupta PP et al. JACC: Cardiovascular Imaging 2020;13:2017",
    items=(
        _item("1", "Plan: need, question, who benefits, sample", "intended_use task", "clinical need and hypotheses"),
        _item("2", "Data: sources, missing values, normalising, what is predicted", "data preparation missing label"),
        _item("3", "Choice of the model, and of simpler ones beside it", "model", "what it was compared with"),
        _item("4", "Judging: metrics, imbalance, calibration", "metrics imbalance calibration uncertainty"),
        _item("5", "Evaluation: no leak between parts, external data", "splits overlap selection evaluated results"),
        _item("6", "Replication: code, versions, seeds, hardware", "code software seeds hardware weights"),
        _item("7", "Limits, biases and other ways", "limits subgroups", "those of the study"),
    ),
)
CHECKLISTS = (TRIPOD_AI, CLAIM, PRIME)
