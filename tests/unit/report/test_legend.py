from coreecho.report.legend import Legend


def test_sentences_that_differ_by_their_numbers_share_a_code_and_show_their_range() -> None:
    legend = Legend()
    codes = [legend.code("W", f"short clip: {n} frames, the model looks at 125") for n in (60, 9, 90.5)]
    assert codes == ["W1", "W1", "W1"]
    assert legend.code("N", "cropped") == "N1"
    assert legend.code("W", "frame rate unknown") == "W2"
    assert legend.code("N", "cropped") == "N1"
    assert legend.lines() == [
        "W1  short clip: 9, 60 or 90.5 frames, the model looks at 125 (3 files)",
        "W2  frame rate unknown",
        "N1  cropped (2 files)",
    ]


def test_numbers_alone_and_none_at_all() -> None:
    legend = Legend(rows="studies")
    legend.code("S", "12")
    legend.code("S", "7")
    legend.code("S", "")
    assert legend.lines() == ["S1  7 or 12 (2 studies)", "S2  "]


def test_numbers_that_belong_together_are_not_mixed_with_those_of_other_files() -> None:
    legend = Legend()
    for outlined, away in ((35, 12), (49, 13)):
        legend.code("W", f"the outline gives {outlined} %, {away} points away")
    assert legend.lines() == [
        "W1  the outline gives 35 %, 12 points away (2 files; the numbers are those of the first)"
    ]


def test_codes_of_a_row_are_in_order() -> None:
    legend = Legend()
    assert legend.codes({"W": ["short", "of phantoms"]}) == ["W1", "W2"]
    assert legend.codes({"W": ["unclear", "of phantoms", "short"], "N": ["cropped"]}) == ["W1", "W2", "W3", "N1"]


def test_whatever_is_said_first_rows_and_lines_have_one_order() -> None:
    legend = Legend()
    assert legend.codes({"N": ["cropped", "cropped"]}) == ["N1"]
    assert legend.codes({"N": ["cropped"], "W": ["short"], "R": ["dull"]}) == ["R1", "W1", "N1"]
    assert [line.split()[0] for line in legend.lines()] == ["R1", "W1", "N1"]
    studies = Legend(rows="studies")
    studies.codes({"S": list("abcdefghij")})
    assert studies.codes({"S": ["j", "b", "c"]}) == ["S2", "S3", "S10"]


def test_what_is_said_twice_of_one_row_is_of_one_row() -> None:
    """Two beats of a clip that were left out for the same reason are not those of two clips."""
    legend = Legend()
    beats = [f"a beat about {moment} s was left out" for moment in ("0.60", "5.85")]
    assert legend.codes({"N": beats}) == ["N1"]
    assert legend.lines() == ["N1  a beat about 0.60 or 5.85 s was left out"]
    legend.codes({"N": beats[:1]})
    assert legend.lines() == ["N1  a beat about 0.60 or 5.85 s was left out (2 files)"]
    # Of many moments the ends are told, by no dash: from 0.60 to 5.85 s would be a duration.
    legend.codes({"N": [f"a beat about {moment} s was left out" for moment in ("1.00", "3.20")]})
    assert legend.lines() == ["N1  a beat about 0.60 … 5.85 s was left out (3 files)"]
    alone = Legend()
    alone.codes({"N": ["at 1 s by 20 %", "at 2 s by 30 %"]})
    assert alone.lines() == ["N1  at 1 s by 20 % (2 times in one file; the numbers are those of the first)"]
