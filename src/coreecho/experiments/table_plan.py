"""From a table as it is written down to what has to be trained for it, on given data and weights."""

import importlib.util
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from coreecho.checking import as_sentence, fault_of_name
from coreecho.datasets import LAYOUTS, Layout, Split
from coreecho.datasets.folds import CrossValidation
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation import family_of
from coreecho.experiments.beat_rows import read_beats
from coreecho.experiments.data import Data
from coreecho.experiments.jobs import Training, Transfer
from coreecho.experiments.paper_table import PaperTable, Published, Reading, TableRow
from coreecho.experiments.plan_inputs import PlanInputs
from coreecho.experiments.table_file import Comparison, Plain, RowEntry, TableFile, TrainingEntry, flag_of, read_table
from coreecho.experiments.trained_weights import check_fits, check_trained, notes_of_trained, read_weights, trained_for
from coreecho.experiments.transfer import find_protocol, published_settings, start_of
from coreecho.experiments.wall_rows import read_wall_motion
from coreecho.models.weights import describe_weights
from coreecho.tasks import Task
from coreecho.training.recipe import SCRATCH, Recipe
from coreecho.training.recipe_files import find_recipe
from coreecho.training.run_folder import RunFolder, find_data
from coreecho.ventricle.infarction_classifiers import Rule
from coreecho.video.start_index import read_start_index

CITED = "cited by the paper, not trained here"
NOT_TRAINED = "not trained here, and no weights are given"


def plan_table(name_or_path: str, inputs: PlanInputs) -> PaperTable:
    """Plan a table: a shipped one, or a YAML file.

    Args:
        name_or_path: as for `read_table`.
        inputs: data and weights.

    Raises:
        RecipeError: there is no such table, it does not hold together, or data or weights that it needs are not given.
        CheckpointError: weights cannot be read.
    """
    return _Planner(read_table(name_or_path), inputs).plan()


class _Planner:
    """Makes the jobs of a table."""

    def __init__(self, table: TableFile, inputs: PlanInputs) -> None:
        self.table = table
        self.inputs = inputs
        self.scale = inputs.scale
        if table.only_phantoms and not self.scale.is_phantom:
            raise RecipeError(f"{table.only_phantoms}: give `--phantom`.")
        self.protocol = self._find_protocol()
        takes_all = self.scale.is_phantom or self.scale.seeds_asked_for or table.paper_seeds is None
        self.seeds = self.scale.seeds if takes_all else self.scale.seeds[: table.paper_seeds]

    def plan(self) -> PaperTable:
        """Rows with their jobs, and what is said around them."""
        layout = self._layout()
        self._check_trainings()
        # Before weights: what is asked for first is the data.
        data = self.inputs.data_of(self.table.data)
        if self.inputs.start_index is not None and not any(row.takes_start_index for row in self.table.rows):
            raise RecipeError(f"{self.table.name} has no row that takes `--start-index`: leave it out.")
        check_trained(self.table, self.inputs)
        rows = [row for entry in self.table.rows if (row := self._row(entry)) is not None]
        # Of rows with unlike numbers of seeds no difference is paired.
        measured = {row.label: len(next(iter(row.readings.values()))) for row in rows if row.readings}
        task = self._task(rows)
        self._check_columns(task)
        return PaperTable(
            name=self._name(),
            title=self._words(self.table.title),
            task=task,
            columns=self.table.columns,
            rows=tuple(rows),
            comparisons=tuple(
                comparison
                for comparison in map(self._comparison, self.table.comparisons)
                if measured.get(comparison.first, 0) == measured.get(comparison.second) != 0
            ),
            notes=self._notes(),
            is_phantom=self.scale.is_phantom or layout.is_phantom(data.root, **data.options),
            quality_groups=layout.quality_groups,
            is_mean_over_folds=self.protocol is not None and self.protocol[1].is_mean_over_folds,
        )

    def _layout(self) -> Layout:
        """Of its data. Raises RecipeError: a column is of a group of image quality that it does not have."""
        layout = LAYOUTS.get(self.table.data)
        known = dict.fromkeys(layout.quality_groups.values())
        for column in self.table.columns:
            if column.group is not None and column.group not in known:
                raise RecipeError(
                    f"{self.table.name}: the column {column.label!r} is of the group {column.group!r}; {layout.title} "
                    f"has {' and '.join(known) or 'no groups of image quality'}."
                )
        return layout

    def _check_trainings(self) -> None:
        """See that recipes hold together before simulated hearts are written for them, which takes minutes."""
        for name in dict.fromkeys(row.training for row in self.table.rows if row.training):
            self._check_columns(self._recipe(name, self.seeds[0], SCRATCH).task)

    def _check_columns(self, task: Task) -> None:
        """Raises RecipeError: a column is of a metric that the task has not, which else shows after all trainings."""
        known = [definition.key for definition in family_of(task).definitions]
        for column in self.table.columns:
            if fault := fault_of_name("metric", column.metric, known):
                raise RecipeError(as_sentence(f"{self.table.name}: of the column {column.label!r}, {fault}"))

    def _find_protocol(self) -> tuple[str, CrossValidation] | None:
        """The protocol of a table that transfers, with its name; None where it only trains.

        Raises:
            RecipeError: the data set has no such protocol, the table does not transfer, or it does both.
        """
        is_transfer = {row.transfer is not None for row in self.table.rows if row.transfer or row.training}
        if is_transfer == {True}:
            return find_protocol(LAYOUTS.get(self.table.data), self.inputs.protocol)
        if True in is_transfer:
            raise RecipeError(
                f"{self.table.name}: some of its rows are trainings and others transfers, whose figures are not of "
                "the same recordings. Make two tables of it."
            )
        if self.inputs.protocol is not None:
            raise RecipeError(f"{self.table.name} transfers nothing, so it takes no `--protocol`.")
        return None

    def _is_usual_protocol(self) -> bool:
        return self.protocol is None or self.protocol[0] == find_protocol(LAYOUTS.get(self.table.data), None)[0]

    def _name(self) -> str:
        """Of the table's files: figures by another protocol do not replace those by the usual one."""
        if self.protocol is None or self._is_usual_protocol():
            return self.table.name
        return f"{self.table.name}-{self.protocol[0]}"

    def _task(self, rows: Sequence[TableRow]) -> Task:
        """What the table's models read, which is that of their recipes.

        Raises:
            RecipeError: no row trains anything, or their models read different things.
        """
        tasks = [job.recipe(self.inputs.out).task for row in rows for job in row.jobs[:1]]
        tasks += [card.task for card in map(describe_weights, self.inputs.trained.values()) if card.task is not None]
        if not tasks or tasks.count(tasks[0]) < len(tasks):
            found = ", ".join(sorted({task.noun for task in tasks})) or "nothing"
            raise RecipeError(f"{self.table.name}: its rows read {found}, expected one and the same thing.")
        return tasks[0]

    def _row(self, entry: RowEntry) -> TableRow | None:
        """A row with its jobs; None where it is not there for want of weights, or for their presence."""
        if entry.unless is not None and self._is_given(entry.unless):
            return None
        label = self._words(entry.label)
        published = {name: Published.of(figure) for name, figure in entry.paper.items()}
        if entry.when is not None and not self._is_given(entry.when) and not self._has_phantom(entry):
            if entry.otherwise is None:
                return None
            return TableRow(label=label, published=published, note=entry.otherwise)
        trained = trained_for(entry, self.inputs)
        if trained is not None and entry.training is not None:
            return self._of_weights(entry, entry.training, trained, label, published)
        if self.inputs.only_trained and (entry.training or entry.transfer):
            return TableRow(label=label, published=published, note=NOT_TRAINED)
        if entry.training is not None:
            trainings = tuple(self._training(entry.training, seed) for seed in self.seeds)
            if entry.beats is not None:
                return self._beat_by_beat(entry.beats, label, trainings, published)
            starts = self._starts(entry, trainings[0].settings)
            readings: dict[Split, tuple[Reading, ...]] = {
                split: tuple(
                    partial(job.read, split=split, clips=entry.clips, weights=entry.weights, start_index=start_index)
                    for job in trainings
                )
                for split, start_index in starts.items()
            }
            return TableRow(label=label, jobs=trainings, readings=readings, published=published)
        if entry.transfer is not None:
            transfers = tuple(self._transfer(entry, seed) for seed in self.scale.transfer_seeds)
            pooled: dict[Split, tuple[Reading, ...]] = {"test": tuple(job.read for job in transfers)}
            return TableRow(label=label, jobs=transfers, readings=pooled, published=published)
        if entry.walls is not None:
            return self._of_walls(entry, entry.walls, label, published)
        return TableRow(label=label, published=published, note=CITED)

    def _starts(self, entry: RowEntry, recipe: Recipe) -> dict[Split, Path | None]:
        """At which starts a row is tested; they are of the recordings to be tested alone."""
        given = self.inputs.start_index if entry.takes_start_index else None
        if given is not None:
            _check_starts(given, recipe, self.inputs.data_of(self.table.data))
        return {"test": given, "val": None}

    def _of_weights(
        self, entry: RowEntry, training: str, weights: Path, label: str, published: Mapping[str, Published]
    ) -> TableRow:
        """A row of weights that were trained elsewhere."""
        recipe = self._recipe(training, self.seeds[0], SCRATCH)
        check_fits(weights, recipe, label)
        data = self.inputs.data_of(self.table.data)
        readings: dict[Split, tuple[Reading, ...]] = {
            split: (partial(read_weights, weights, data, split=split, clips=entry.clips, start_index=start_index),)
            for split, start_index in self._starts(entry, recipe).items()
        }
        return TableRow(label=label, readings=readings, published=published)

    def _beat_by_beat(
        self, segmenter: str, label: str, trainings: tuple[Training, ...], published: Mapping[str, Published]
    ) -> TableRow:
        """A row whose clips lie about the end-systoles that one segmenter finds, the same ones for every seed."""
        finder = self._training(segmenter, self.seeds[0])
        readings = tuple(partial(read_beats, training=job, segmenter=finder) for job in trainings)
        return TableRow(
            label=label, jobs=trainings, helpers=(finder,), readings={"test": readings}, published=published
        )

    def _of_walls(self, entry: RowEntry, walls: Rule, label: str, published: Mapping[str, Published]) -> TableRow:
        """A row that is told by the motion of the wall; nothing is trained for it but a classifier."""
        if importlib.util.find_spec("sklearn") is None:
            note = "needs scikit-learn: pip install 'coreecho[infarction]'"
            return TableRow(label=label, published=published, note=note)
        data = self.inputs.data_of(self.table.data)
        if self.protocol is not None:
            data = data.by(self.protocol[1])
        read = partial(read_wall_motion, data=data, rule=walls, classifier=entry.classifier)
        return TableRow(label=label, readings={"test": (read,)}, published=published)

    def _training(self, name: str, seed: int, layout: str | None = None) -> Training:
        """A training, on the table's data set or on another layout's."""
        entry, is_phantom = self.table.trainings[name], self.scale.is_phantom
        init = SCRATCH if is_phantom else self._weights(entry.init, name, entry.recipe)
        if init == SCRATCH and entry.named_from_scratch:
            # Where all start from scratch, the same training need not be done under two names.
            name = entry.named_from_scratch
        recipe = self._recipe(name, seed, init, entry)
        data = self.inputs.data_of(layout or self.table.data, cue=entry.cue)
        return Training(name=f"{name}-seed{seed}", data=data, settings=recipe)

    def _recipe(self, name: str, seed: int, init: str, entry: TrainingEntry | None = None) -> Recipe:
        """The settings of a training, by the table's entry of its name unless another is given."""
        entry, is_phantom = entry or self.table.trainings[name], self.scale.is_phantom
        settings = dict(entry.settings) | (dict(entry.phantom) if is_phantom else {"init": start_of(init)})
        if is_phantom and "stage1_epochs" in settings:
            # What is enough for it on phantoms; a scale in which nothing is to be learned has fewer.
            settings["stage1_epochs"] = min(settings["stage1_epochs"], self.scale.settings["stage1_epochs"])
        return self.scale.recipe(entry.recipe, name=name, seed=seed, equal=entry.equal, **settings)

    def _transfer(self, entry: RowEntry, seed: int) -> Transfer:
        """A transfer; on phantoms one from each seed of the pretraining."""
        assert entry.transfer is not None
        overrides = dict(self.scale.of_transfer(entry.transfer))
        if entry.pretrained is None and self.scale.is_phantom:
            # From scratch the recipe gives the encoder.
            overrides["encoder"] = self.scale.settings["encoder"]
        overrides |= {**entry.settings, **(entry.phantom if self.scale.is_phantom else entry.real)}
        pretrained: Training | str = SCRATCH
        if entry.pretrained is not None:
            pretrained = self._pretrained(
                entry.pretrained, seed, (dict(entry.settings) | dict(entry.real)).get("encoder")
            )
        assert self.protocol is not None
        name, protocol = self.protocol
        method = entry.called or entry.transfer
        method = method if self._is_usual_protocol() else f"{name}-{method}"
        return Transfer(
            name=f"{self.table.data}-{method}-{entry.pretrained or SCRATCH}-seed{seed}",
            data=self.inputs.data_of(self.table.data).by(protocol),
            protocol=name,
            method=entry.transfer,
            pretrained=pretrained,
            overrides=overrides,
            seed=seed,
        )

    def _pretrained(self, name: str, seed: int, encoder: Plain = None) -> Training | str:
        """What a transfer starts from; of `encoder`, or of that of the data set's recipe."""
        entry = self.table.pretrained[name]
        if self.scale.is_phantom:
            if entry.phantom is None:
                raise RecipeError(
                    f"{self.table.name} says no `phantom`, a training in place of {name!r}: on phantoms there is "
                    "nothing to transfer from. Add it, or give the rows from it `when: NAME`."
                )
            return self._training(entry.phantom, seed, entry.phantom_data)
        flag, weights = entry.weights, self.inputs.weights.get(entry.weights)
        if weights is None or weights == SCRATCH:
            raise RecipeError(
                f"This table transfers from {flag}: give its weights by `{flag_of(flag)} RUN_OR_FILE`, such as a "
                "finished run, a published checkpoint, or what `coreecho import-weights` made of it."
            )
        expected = encoder or published_settings(LAYOUTS.get(self.table.data), "fine-tune")["encoder"]
        _check_encoder(flag, weights, str(expected))
        return weights

    def _weights(self, flag: str, training: str, recipe: str) -> str:
        """Where the encoder of a training on real data starts.

        Raises:
            RecipeError: its weights are not given, or of another encoder.
            CheckpointError: they cannot be read.
        """
        if flag == SCRATCH:
            return SCRATCH
        weights = self.inputs.weights.get(flag)
        if weights is None:
            raise RecipeError(
                f"This table trains {training} from given weights: give them by `{flag_of(flag)} FILE` (a published "
                "checkpoint, or what `coreecho import-weights` made of it), or `scratch` to do without."
            )
        if weights != SCRATCH:
            _check_encoder(flag, weights, Recipe.from_yaml(find_recipe(recipe)).encoder)
        return weights

    def _is_given(self, flag: str) -> bool:
        """Whether there are weights under a name. Those that are not given are missed by the rows that need them."""
        return not self.scale.is_phantom and self.inputs.weights.get(flag) != SCRATCH

    def _has_phantom(self, entry: RowEntry) -> bool:
        """Whether on phantoms a training stands for the weights that a row starts from."""
        is_told = entry.pretrained is not None and self.table.pretrained[entry.pretrained].phantom is not None
        return self.scale.is_phantom and is_told

    def _notes(self) -> tuple[str, ...]:
        scratch = tuple(
            f"`{flag_of(flag)} scratch`: models that start from given weights in the paper start from random ones here."
            for flag in self.table.weights_needed()
            if self.inputs.weights.get(flag) == SCRATCH
        )
        of_phantoms = self.table.notes_of_phantoms if self.scale.is_phantom else ()
        of_weights = notes_of_trained(self.inputs)
        return (*self.table.notes, *self._notes_of_protocol(), *of_weights, *scratch, *of_phantoms, *self.scale.notes)

    def _notes_of_protocol(self) -> tuple[str, ...]:
        """Which protocol the transfers follow, and which clips are tested where starts are given."""
        notes = []
        if self.inputs.start_index is not None:
            rows = "; ".join(row.label for row in self.table.rows if row.takes_start_index)
            notes.append(f"Clips of {rows}: at the starts of {self.inputs.start_index.name}.")
        if self.protocol is not None:
            name, protocol = self.protocol
            notes.append(f"Protocol {name}: {protocol.words}.")
            published = LAYOUTS.get(self.table.data).cross_validations.get("published", protocol)
            if protocol.is_mean_over_folds:
                notes.append("Figures are means over the folds, as the paper's are.")
            elif published.is_mean_over_folds:
                notes.append(
                    "The paper's figures are means over the folds; these are of all folds' predictions pooled."
                )
        return tuple(notes)

    def _comparison(self, entry: Comparison) -> Comparison:
        words = self._words
        return Comparison(question=words(entry.question), first=words(entry.first), second=words(entry.second))

    def _words(self, text: str) -> str:
        """Put the names of what is transferred, and the scale's strength of a cue, into a text."""
        names = {
            key: (entry.name_of_phantom if self.scale.is_phantom else None) or entry.name
            for key, entry in self.table.pretrained.items()
        }
        for key, name in {**names, "cue_strength": f"{self.scale.cue_strength:g}"}.items():
            text = text.replace(f"{{{key}}}", name)
        return text


def _check_starts(path: Path, recipe: Recipe, data: Data) -> None:
    """See, before anything is trained, that a start index is of the recordings that a row will be tested on.

    Raises:
        DatasetError: the file cannot be read, or lacks recordings.
    """
    known = {name.removesuffix(".avi") for name in read_start_index(path)}
    found = find_data(data.dataset, data.root, recipe, data.store, data.options)
    tested = [each.id for each in RunFolder(Path(recipe.name), recipe, found, info={}).recordings("test")]
    if missing := [name for name in tested if name.removesuffix(".avi") not in known]:
        raise DatasetError(
            f"{path} has no starts of {len(missing)} of the {len(tested)} recordings in the TEST split of "
            f"{data.root}: {', '.join(missing[:5])}."
        )


def _check_encoder(flag: str, weights: str, wanted: str) -> None:
    """See that weights are of the encoder that a table trains, which else shows after the trainings that come before.

    Raises:
        RecipeError: they are of another.
        CheckpointError: they cannot be read.
    """
    if (found := describe_weights(Path(weights)).encoder) != wanted:
        raise RecipeError(f"`{flag_of(flag)} {weights}` holds the encoder {found}; this table needs {wanted}.")
