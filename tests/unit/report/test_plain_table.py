from rich.console import Console

from coreecho.report.plain_table import plain_table


def test_numbers_stand_to_the_right_and_a_sum_apart() -> None:
    table = plain_table(
        ("Training", "About"),
        [("first", "2 min"), ("second", "10 min")],
        numbers=("About",),
        title="plan",
        caption="timed",
        last=("together", "12 min"),
    )
    console = Console(width=40, record=True)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines() if line.strip()]
    assert (lines[0].strip(), lines[-1].strip()) == ("plan", "timed")
    first, second, apart = (next(line for line in lines if name in line) for name in ("first", "second", "together"))
    assert len(first) == len(second) == len(apart)
    assert first.endswith(" 2 min")
    assert lines.index(apart) > lines.index(second)
