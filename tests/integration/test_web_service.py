"""The web service of the documentation, as a client sees it; its threads share one predictor."""

import http.client
import importlib.util
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from coreecho.inference import Predictor
from coreecho.models import ModelInput, build_model
from coreecho.models.segmenter import open_segmenter

PROGRAM = Path(__file__).parents[2] / "docs" / "web_service.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web_service", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def service(example: ModuleType) -> Iterator[Any]:
    model_input = ModelInput(num_frames=4, stride=4, frame_size=32)
    predictor = Predictor(build_model("uniformer_xs", model_input, last_bias=55.0), seconds_a_file=None)
    with example.Service(predictor, max_bytes=10_000_000) as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        yield service
        service.shutdown()
        thread.join()


def ask(service: Any, content: bytes | None = None, path: str = "/ef") -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"http://127.0.0.1:{service.server_port}{path}", data=content)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_clips_of_many_clients_have_the_numbers_that_they_have_alone(
    service: Any, phantom_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clips = [path.read_bytes() for path in sorted((phantom_root / "Videos").iterdir())[:4]]
    alone = [service.predictor(path).ef_percent for path in sorted((phantom_root / "Videos").iterdir())[:4]]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda clip: ask(service, clip), clips * 2))
    assert {status for status, _ in answers} == {200}
    # Those that wait together may share no batch, but the machine rounds by the size of one.
    np.testing.assert_allclose([answer["ef_percent"] for _, answer in answers], alone * 2, rtol=1e-5)
    assert len(set(alone)) > 1
    assert all("Not a medical device" in answer["notice"] and "file" not in answer for _, answer in answers)
    assert capfd.readouterr() == ("", "")


def test_what_is_no_clip_is_answered_by_its_reason(service: Any) -> None:
    still = Path(str(get_testdata_file("examples_rgb_color.dcm"))).read_bytes()
    status, answer = ask(service, still)
    assert (status, answer["refused"], answer["error"][:7]) == (422, True, "a still")
    status, answer = ask(service, b"RIFF, but no video")
    assert (status, answer["refused"]) == (422, False)
    # Answered by what it declares, before any of it is read.
    large = http.client.HTTPConnection("127.0.0.1", service.server_port, timeout=60)
    large.putrequest("POST", "/ef")
    large.putheader("Content-Length", "10000001")
    large.endheaders()
    assert large.getresponse().status == 413
    large.close()
    form = urllib.request.Request(
        f"http://127.0.0.1:{service.server_port}/ef",
        data=b"--x",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    with pytest.raises(urllib.error.HTTPError, match="415"):
        urllib.request.urlopen(form, timeout=60)
    assert ask(service, b"a clip", "/elsewhere")[0] == 404
    assert "model" in ask(service, None, "/")[1]


def test_a_client_that_falls_silent_is_let_go(
    service: Any, example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example.Handler, "timeout", 0.2)
    silent = http.client.HTTPConnection("127.0.0.1", service.server_port, timeout=60)
    silent.putrequest("POST", "/ef")
    silent.putheader("Content-Length", "1000")
    silent.endheaders()
    silent.send(b"abc")
    answer = silent.getresponse()
    assert (answer.status, "nothing came" in answer.read().decode()) == (408, True)
    silent.close()


def test_the_outline_is_asked_as_on_the_command_line(example: ModuleType, phantom_root: Path) -> None:
    clip = sorted((phantom_root / "Videos").iterdir())[0]
    predictor = Predictor(seconds_a_file=None)
    with example.Service(predictor, open_segmenter()) as service:
        result = service.read(clip)
    assert result.segmentation_beats is not None
    assert result.ef_percent == pytest.approx(predictor(clip).ef_percent, abs=1e-3)
