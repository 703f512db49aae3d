from coreecho.evaluation.weights_facts import weights_facts
from coreecho.report.checklist import FOR_A_PERSON, checklist_text, is_left, model_card, write_checklists
from coreecho.report.checklist_items import CHECKLISTS, TRIPOD_AI

FACTS = {
    "data": "EchoNet-Dynamic, fingerprint ab|cd.",
    "splits": "Recordings: TRAIN 12.",
    "hearts": "Simulated hearts.",
}


def test_tripod_has_all_its_items_in_order():
    assert [item.place for item in TRIPOD_AI.items] == [str(number) for number in range(1, 28)]


def test_every_line_is_answered_or_marked():
    for checklist in CHECKLISTS:
        text = checklist_text(checklist, FACTS, name="run")
        rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
        assert len(rows) == len(checklist.items)
        for item, row in zip(checklist.items, rows, strict=True):
            assert (FOR_A_PERSON in row) == is_left(item, FACTS)
            for fact in set(item.facts) & set(FACTS):
                assert FACTS[fact].replace("|", "\\|") in row


def test_what_a_run_knows_is_named_by_facts_that_exist():
    from coreecho.evaluation.run_facts import _FACTS

    asked = {fact for checklist in CHECKLISTS for item in checklist.items for fact in item.facts}
    assert asked <= set(_FACTS)


def test_files_and_the_card_say_what_they_are_not(tmp_path):
    files = write_checklists(FACTS, tmp_path / "out", name="run")
    assert [path.name for path in files] == ["tripod-ai.md", "claim-2024.md", "prime.md", "model-card.md"]
    assert all("not a medical device" in path.read_text() for path in files)
    card = model_card(FACTS, name="run")
    assert "## Training data" in card
    assert "- Simulated hearts." in card


def test_the_model_that_ships_is_told_from_its_card_and_record():
    facts = weights_facts("default")
    assert {"model", "input", "hearts", "weights", "results", "training", "limits"} <= set(facts)
    assert facts["hearts"].startswith("Simulated hearts")
    assert "phantom" in facts["results"]
    assert facts["weights"].startswith("default-ef.safetensors, SHA-256 ")
