"""What `coreecho predict` does with what was predicted: tables, documents, and one line that counts."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rich.console import Console

from coreecho.cli.telling import counts
from coreecho.inference import (
    FileListing,
    Prediction,
    PredictionFailure,
    Predictor,
    StudyPrediction,
    combine_studies,
    with_studies,
)
from coreecho.progress import tell
from coreecho.report.predictions import (
    predictions_json,
    predictions_table,
    write_predictions_csv,
    write_predictions_json,
)
from coreecho.report.studies import studies_path, studies_table, write_studies_csv


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What was predicted, as it is asked for.

    Attributes:
        results: of the files.
        predictor: that gave them.
        not_reached: files that a run which was stopped has left out; None of one that was not.
        per_study: combine the clips of each examination.
        has_ids: say the identifiers of DICOM files.
    """

    results: list[Prediction | PredictionFailure]
    predictor: Predictor
    not_reached: list[str] | None
    per_study: bool
    has_ids: bool

    def write(self, *, csv: Path | None, json_file: Path | None) -> None:
        """Write the tables and the document that are asked for."""
        task = self.predictor.model.task
        if csv is not None:
            write_predictions_csv(
                self._told,
                csv,
                task=task,
                has_ids=self.has_ids,
                has_studies=self.per_study,
                has_beat=self.predictor.beat is not None,
                not_reached=self.not_reached or (),
            )
            if self._studies is not None:
                write_studies_csv(self._studies, studies_path(csv), task=task, has_ids=self.has_ids)
        if json_file is not None:
            write_predictions_json(self._document, json_file)

    def show(self, *, as_json: bool) -> None:
        """Print the document, or the tables for people."""
        if as_json:
            print(self._document)
        elif any(isinstance(result, Prediction) for result in self.results):
            if self._studies is not None:
                Console().print(studies_table(self._studies, self.predictor.model.task))
            name, task = self.predictor.model_name, self.predictor.model.task
            Console().print(predictions_table(self._told, model_name=name, task=task))

    @cached_property
    def _studies(self) -> list[StudyPrediction] | None:
        if not self.per_study:
            return None
        task = self.predictor.model.task
        return combine_studies(self.results, has_ids=self.has_ids, task=task, not_reached=self.not_reached or ())

    @cached_property
    def _told(self) -> list[Prediction | PredictionFailure]:
        """The results, with all that was asked for and nothing that was not."""
        told = with_studies(self.results) if self.per_study else self.results
        # Identifiers were read to tell the examinations apart.
        return told if self.has_ids else [replace(result, ids=None) for result in told]

    @cached_property
    def _document(self) -> str:
        name, task = self.predictor.model_name, self.predictor.model.task
        return predictions_json(
            self._told, model_name=name, task=task, studies=self._studies, not_reached=self.not_reached
        )


def tell_counts(results: list[Prediction | PredictionFailure], listing: FileListing) -> None:
    """Count on one last line, without a name: always in a log; on a terminal where there is something to count."""
    is_plain = bool(results) and all(isinstance(result, Prediction) for result in results) and not listing.words()
    if not (is_plain and Console(stderr=True).is_terminal):
        tell(" ".join(filter(None, (counts(results), listing.words()))))
