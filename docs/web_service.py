"""A web service that reads the EF of one clip a request: `python docs/web_service.py --model runs/echonet --port 8080`.

    curl --data-binary @clip.dcm http://127.0.0.1:8080/ef

An example to begin from, of the standard library alone; `docs/web-service.md` says what it does and what it leaves out.
Not a medical device: no EF that it answers may guide the care of a patient.
"""

import argparse
import json
import tempfile
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from coreecho import Predictor
from coreecho.inference import Prediction, PredictionFailure
from coreecho.models.segmenter import Segmenter
from coreecho.ventricle.second_opinion import find_second_opinion, with_second_opinions

MAX_BYTES = 512 * 1024**2
# A client that sends nothing for so long holds a thread no longer.
SECONDS_OF_SILENCE = 30


class Handler(BaseHTTPRequestHandler):
    """Answers one request; each has a thread of its own, and all share one predictor."""

    server: "Service"
    timeout = SECONDS_OF_SILENCE
    error_content_type = "application/json"
    error_message_format = '{"error": "%(message)s"}'

    def do_GET(self) -> None:
        """Say that the service is there, and by which model it answers."""
        if self.path != "/":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "POST a clip to /ef"})
            return
        self._answer(HTTPStatus.OK, {"model": self.server.predictor.model_name})

    def do_POST(self) -> None:
        """Measure the clip that the request holds."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/ef":
            self._answer(HTTPStatus.NOT_FOUND, {"error": "POST a clip to /ef"})
        elif not length.isdecimal():
            self._answer(HTTPStatus.LENGTH_REQUIRED, {"error": "the request says no Content-Length"})
        elif self.headers.get_content_maintype() == "multipart":
            told = "send the clip itself, not a form: curl --data-binary @clip.dcm"
            self._answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {"error": told})
        elif int(length) > self.server.max_bytes:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"at most {self.server.max_bytes} bytes"})
        else:
            self._measure(int(length))

    def _measure(self, length: int) -> None:
        # The folder is private to this user, and gone when the answer is given.
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip"
            try:
                clip.write_bytes(self.rfile.read(length))
            except TimeoutError:
                self._answer(HTTPStatus.REQUEST_TIMEOUT, {"error": f"nothing came for {SECONDS_OF_SILENCE} seconds"})
                return
            result = self.server.read(clip)
        answer = {name: value for name, value in result.to_dict().items() if name != "file"}
        if isinstance(result, PredictionFailure):
            answer["refused"] = result.is_refused
            self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, answer)
        else:
            self._answer(HTTPStatus.OK, answer)

    def _answer(self, status: HTTPStatus, document: dict[str, object]) -> None:
        content = json.dumps(document, allow_nan=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Log nothing of a request: its address may tell whose heart was looked at."""


class Service(ThreadingHTTPServer):
    """The server and what its threads share.

    Args:
        predictor: reads the clips.
        segmenter: outlines the left ventricle beside it, whose EF warns where the two differ; None for none.
        port: 0 takes a free one.
        max_bytes: of a clip.
    """

    def __init__(
        self, predictor: Predictor, segmenter: Segmenter | None = None, *, port: int = 0, max_bytes: int = MAX_BYTES
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.predictor = predictor
        self.segmenter = segmenter
        self.max_bytes = max_bytes

    def read(self, clip: Path) -> Prediction | PredictionFailure:
        """Measure a clip as `coreecho predict` does."""
        # Read in a process of its own, which is ended where a file takes too much time or memory.
        results = self.predictor.predict_many([clip])
        if self.segmenter is not None:
            results = with_second_opinions(results, [clip], self.segmenter, calibrated=self.predictor.calibrated)
        [result] = results
        return result


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default", help="folder of a run, or a .safetensors file")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--segmenter", help="as of `coreecho predict`: beside the model that ships the one that ships")
    given = parser.parse_args()
    predictor = Predictor(given.model)
    segmenter = find_second_opinion(given.segmenter, given.model, predictor.model.task)
    with Service(predictor, segmenter, port=given.port) as service:
        print(f"http://127.0.0.1:{service.server_port}/ef", flush=True)
        service.serve_forever()


if __name__ == "__main__":
    main()
