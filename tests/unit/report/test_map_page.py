import base64
import hashlib
import json
import math
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from coreecho.report.map_page import map_page
from coreecho.representation.embedding_map import EmbeddingMap, PlacedClip, make_map
from coreecho.representation.embeddings import EmbeddingSet
from coreecho.trust import Appraisal


class Parts(HTMLParser):
    """Collects the tags, and the text of scripts and styles, as a browser would cut them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.texts:
            self.texts[self._open].append(data)


@pytest.fixture
def made(plane: EmbeddingSet) -> EmbeddingMap:
    return make_map(plane, method="pca")


def data_of(page: str) -> dict:
    return json.loads(Parts(page).texts["script"][0])


def test_carries_every_recording(made: EmbeddingMap) -> None:
    data = data_of(map_page([made, made], placed=[[PlacedClip("new clip", 1.0, 2.0, 55.0)], []]))
    assert len(data["panels"]) == 2
    panel = data["panels"][0]
    assert panel["id"] == list(made.recordings.ids)
    np.testing.assert_allclose(panel["x"], made.coordinates[:, 0], atol=1e-4)
    np.testing.assert_allclose(panel["true"], made.recordings.ef_percent, atol=1e-2)
    np.testing.assert_allclose(panel["predicted"], made.recordings.ef_predicted, atol=1e-2)
    assert panel["placed"] == [
        {"label": "new clip", "x": 1.0, "y": 2.0, "predicted": 55.0, "doubt": "no interval", "why": []}
    ]
    assert data["limits"] == [made.recordings.ef_percent.min(), made.recordings.ef_percent.max()]


def test_loads_nothing_from_anywhere(made: EmbeddingMap) -> None:
    page = map_page([made])
    parts = Parts(page)
    assert not any({"src", "href", "srcset"} & set(attributes) for _, attributes in parts.tags)
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    policy = next(attributes["content"] for tag, attributes in parts.tags if "http-equiv" in attributes)
    assert policy is not None
    assert policy.startswith("default-src 'none';")


def test_the_policy_allows_just_its_own_style_and_script(made: EmbeddingMap) -> None:
    """A browser compares the hash of what stands between the tags: one changed letter, and the page is dead."""
    page = map_page([made])
    parts = Parts(page)
    code = {"style": parts.texts["style"][0], "script": parts.texts["script"][1]}
    for kind, text in code.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src &#39;sha256-{digest}&#39;" in page


def test_text_cannot_become_code(made: EmbeddingMap) -> None:
    hostile = "</script><img src=x onerror=alert(1)><!--"
    recordings = replace(made.recordings, ids=(hostile, *made.recordings.ids[1:]), source=hostile)
    page = map_page([replace(made, recordings=recordings)])
    assert "<img" not in page
    assert data_of(page)["panels"][0]["id"][0] == hostile


def test_unknown_ef_is_null(made: EmbeddingMap) -> None:
    labels = made.recordings.ef_percent.copy()
    labels[2] = np.nan
    data = data_of(map_page([replace(made, recordings=replace(made.recordings, true=labels))]))
    assert data["panels"][0]["true"][2] is None


def test_says_what_it_is(made: EmbeddingMap) -> None:
    page = map_page([made])
    assert page.lower().count("simulated hearts (phantoms)") >= 3
    assert "not a medical device" in page
    real = map_page([replace(made, recordings=replace(made.recordings, is_phantom=False, source="TEST split"))])
    assert "simulated" not in real


def test_without_a_map_there_is_no_page() -> None:
    with pytest.raises(ValueError, match="at least one map"):
        map_page([])


def test_cautions_of_a_new_clip_are_on_the_page_and_an_unknown_prediction_is_null(made: EmbeddingMap) -> None:
    page = map_page([made], placed=[[PlacedClip("new clip", 1.0, 2.0, math.nan, ("short clip",))]])
    assert "<li>new clip: short clip.</li>" in page
    assert data_of(page)["panels"][0]["placed"][0]["predicted"] is None


def test_dots_and_star_are_told_apart_and_the_star_has_its_doubt(made: EmbeddingMap) -> None:
    judged = Appraisal(trust="outside", reasons=("dull", "cut off"))
    clip = PlacedClip("new clip", 1.0, 2.0, 55.0, appraisal=judged)
    page = map_page([made], placed=[[clip]])
    assert "The dots are simulated hearts; the star is your clip." in page
    assert "Phantom results." not in page
    assert "★ new clip, predicted EF 55.0 %, no interval; trust: outside.</strong>" in page
    assert "</strong> Why outside: dull. Why outside: cut off.</p>" in page
    assert data_of(page)["panels"][0]["placed"][0]["why"] == ["Why outside: dull.", "Why outside: cut off."]
    simulated = map_page([made], placed=[[replace(clip, is_phantom=True)]])
    assert "the star is your clip, simulated too." in simulated


def test_a_recording_far_from_all_others_is_drawn_on_the_edge(made: EmbeddingMap) -> None:
    """To scale it would press the others into a corner."""
    coordinates = np.random.default_rng(0).uniform(-1, 1, made.coordinates.shape)
    coordinates[3] = (0, 40)
    far = replace(made, coordinates=coordinates)
    panel = data_of(map_page([far]))["panels"][0]
    assert panel["x"][3] == 0
    assert max(panel["y"]) == panel["y"][3] < 2
    assert "1 recording lies farther out and is drawn on the edge" in map_page([far])
    assert "drawn on the edge" not in map_page([replace(made, coordinates=np.clip(coordinates, -1, 1))])


def test_pictures_of_recordings_lie_in_the_page(made: EmbeddingMap) -> None:
    name = made.recordings.ids[0]
    page = map_page([made, made], pictures=[{name: "data:image/webp;base64,AAAA"}])
    first, second = data_of(page)["panels"]
    assert first["pictures"] == {name: "data:image/webp;base64,AAAA"}
    assert second["pictures"] == {}
    assert "img-src data:" in page


def test_parts_of_a_map_can_be_looked_at_with_buttons_that_the_script_knows(made: EmbeddingMap) -> None:
    parts = Parts(map_page([made]))
    names = [attributes["name"] for tag, attributes in parts.tags if tag == "button"]
    assert names == ["smaller", "larger", "most", "all"]
    script = parts.texts["script"][1]
    pressed = script[script.index("const press = {") : script.index("};", script.index("const press = {"))]
    assert all(f"{name}:" in pressed for name in names)
    assert any(tag == "input" and attributes.get("name") == "fill" for tag, attributes in parts.tags)
