import io

from rich.console import Console

from coreecho.evaluation import compute_metrics
from coreecho.report.tables import metrics_table


def printed(table, width=120):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def test_every_metric_with_its_interval_and_all_that_is_needed_to_quote_it():
    true = [20.0, 30.0, 45.0, 55.0, 60.0, 70.0]
    metrics = compute_metrics(true, [25.0, 28.0, 50.0, 52.0, 63.0, 66.0], resamples=1000, seed=4)
    text = printed(metrics_table(metrics, title="runs/x: TEST split", is_phantom=False))
    mae = metrics["mae"]
    assert f"{mae.estimate:.2f}" in text
    assert f"{mae.low:.2f} to {mae.high:.2f}" in text
    assert "95 % interval" in text
    assert "6 recordings. Intervals: percentile bootstrap over recordings, 1,000 resamples, seed 4." in text
    assert "not a medical device" in text
    assert "Fewer than 30 recordings: so few say little" in text
    assert "phantom" not in text
    left_out = metrics["auroc_below_35"].excluded_resamples
    assert left_out > 0
    assert f"AUROC, EF < 35 %: not defined in {left_out} resamples, left out of its interval." in text


def test_simulated_hearts_are_said_to_be_simulated():
    text = printed(metrics_table(compute_metrics([50, 60], [51, 59], resamples=10), title="x", is_phantom=True))
    assert "phantom result: simulated hearts" in text


def test_what_is_not_defined_is_not_available_with_its_reason():
    text = printed(metrics_table(compute_metrics([50, 60], [51, 59], resamples=10), title="x", is_phantom=False))
    row = next(line for line in text.splitlines() if "AUROC, EF < 35 %" in line)
    assert "n/a" in row
    assert "AUROC, EF < 35 %: no recording has a true EF below 35 %" in text


def test_patients_are_counted_where_they_have_several_recordings():
    metrics = compute_metrics([50, 60, 70], [51, 59, 72], patients=["a", "a", "b"], resamples=10)
    text = printed(metrics_table(metrics, title="x", is_phantom=False))
    assert "3 recordings of 2 patients. Intervals: percentile bootstrap over patients" in text


def test_only_of_few_it_is_said_that_they_say_little():
    true = [40.0 + number for number in range(30)]
    enough = compute_metrics(true, [value + 1 for value in true], resamples=10)
    assert "say little" not in printed(metrics_table(enough, title="x", is_phantom=False))
    few = compute_metrics(true, true, patients=[str(number // 2) for number in range(30)], resamples=10)
    assert "Fewer than 30 patients: so few say little" in printed(metrics_table(few, title="x", is_phantom=False))
