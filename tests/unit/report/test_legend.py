from coreecho.report.legend import Legend


def test_sentences_that_differ_by_their_numbers_share_a_code_and_show_their_range() -> None:
    legend = Legend()
    codes = [legend.code("W", f"short clip: {n} frames, the model looks at 125") for n in (60, 9, 90.5)]
    assert codes == ["W1", "W1", "W1"]
    assert legend.code("N", "cropped") == "N1"
    assert legend.code("W", "frame rate unknown") == "W2"
    assert legend.code("N", "cropped") == "N1"
    assert legend.lines() == [
        "W1  short clip: 9 to 90.5 frames, the model looks at 125 (3 files)",
        "N1  cropped (2 files)",
        "W2  frame rate unknown",
    ]


def test_numbers_alone_and_none_at_all() -> None:
    legend = Legend(rows="studies")
    legend.code("S", "12")
    legend.code("S", "7")
    legend.code("S", "")
    assert legend.lines() == ["S1  7 to 12 (2 studies)", "S2  "]
