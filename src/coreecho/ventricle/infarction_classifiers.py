"""Infarcts told from features of the wall's motion: the classifiers of Degerli et al. and of Nguyen et al.

Each classifier has a grid of settings, of which the best by an inner cross-validation of the training folds is taken:
by its mean F1 as Degerli's, or by its mean AUROC as Nguyen's, who then move the cut-off to the point of the training's
ROC curve that is nearest to (0, 1). Needs scikit-learn: `pip install 'coreecho[infarction]'`.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import CoReEchoError
from coreecho.ventricle.wall_displacements import WallMotion

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
Rule = Literal["degerli", "nguyen"]

_INNER_FOLDS = 5
_LEAST_OF_CLASS = 2
# As likely as not.
_EVEN = 0.5
_POWERS = tuple(10.0**power for power in range(-6, 0))
_COSTS = (1.0, 10.0, 100.0, 1000.0)
_NEIGHBOURS = "n_neighbors"
# By their names here: what is made, and the grid. Sizes of neighbours, trees and forests are ours.
CLASSIFIERS: Mapping[str, tuple[str, Mapping[str, Sequence[Any]]]] = {
    "svm-rbf": ("sklearn.svm:SVC", {"kernel": ["rbf"], "gamma": _POWERS, "C": _COSTS}),
    "svm-linear": ("sklearn.svm:SVC", {"kernel": ["linear"], "C": _COSTS}),
    "k-nn": (
        "sklearn.neighbors:KNeighborsClassifier",
        {_NEIGHBOURS: (3, 5, 7, 9, 11, 15), "weights": ("uniform", "distance")},
    ),
    "tree": (
        "sklearn.tree:DecisionTreeClassifier",
        {"max_depth": (1, 2, 3, 5, None), "min_samples_leaf": (1, 3, 5), "random_state": [0]},
    ),
    "forest": (
        "sklearn.ensemble:RandomForestClassifier",
        {"n_estimators": [100], "max_depth": (2, 4, None), "min_samples_leaf": (1, 3), "random_state": [0]},
    ),
    "logistic": ("sklearn.linear_model:LogisticRegression", {"C": (0.01, 0.1, *_COSTS), "max_iter": [1000]}),
}


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """How a publication reads the wall's motion.

    Attributes:
        features: of a segment, out of its motion.
        scoring: by which the settings of a classifier are chosen.
        moves_cut_off: to the point of the training's ROC curve that is nearest to (0, 1).
    """

    features: Callable[[WallMotion], Floats]
    scoring: str
    moves_cut_off: bool


RULES: Mapping[Rule, _Rule] = {
    "degerli": _Rule(features=WallMotion.degerli_features, scoring="f1", moves_cut_off=False),
    "nguyen": _Rule(features=WallMotion.nguyen_features, scoring="roc_auc", moves_cut_off=True),
}


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a classifier says of recordings that it did not learn from.

    Attributes:
        margins: (N,), of the score above its cut-off: an infarct at 0 and above. The scores of two folds are those of
            two classifiers, and cannot be compared.
    """

    margins: Floats

    @property
    def is_infarct(self) -> Labels:
        """(N,), what it says."""
        return np.asarray(self.margins >= 0)


def check_installed() -> None:
    """Raises CoReEchoError: scikit-learn is not there."""
    if importlib.util.find_spec("sklearn") is None:
        raise CoReEchoError("Classifiers of infarcts need scikit-learn: pip install 'coreecho[infarction]'.")


def cross_validate(
    features: Floats, labels: Labels, folds: Sequence[int] | NDArray[np.int64], classifier: str, rule: Rule = "degerli"
) -> Diagnosis:
    """Diagnose each recording by a classifier that learned from the other folds.

    Args:
        features: (N, F), of any unit: they are brought to the mean and deviation of the training folds.
        labels: (N,), infarcts.
        folds: (N,), in which each is tested.
        classifier: one of `CLASSIFIERS`.
        rule: of how settings and the cut-off are chosen.

    Raises:
        CoReEchoError: scikit-learn is missing, there is no such classifier, or a fold leaves one class to learn from.
        ValueError: shapes disagree, or a feature is not a number.
    """
    check_installed()
    folds = np.asarray(folds)
    if features.ndim != 2 or not len(features) == len(labels) == len(folds) or not np.isfinite(features).all():
        raise ValueError(
            f"expected finite features (N, F), labels (N,) and folds (N,), got {features.shape}, {labels.shape}, "
            f"{folds.shape}"
        )
    if classifier not in CLASSIFIERS:
        raise CoReEchoError(f"There is no classifier {classifier!r}; there are {', '.join(CLASSIFIERS)}.")
    margins = np.empty(len(labels))
    for fold in np.unique(folds):
        is_tested = folds == fold
        learned = labels[~is_tested]
        if min(learned.sum(), (~learned).sum()) < _LEAST_OF_CLASS:
            raise CoReEchoError(
                f"Without fold {fold} there are {int(learned.sum())} infarcts and {int((~learned).sum())} others to "
                f"learn from; expected at least {_LEAST_OF_CLASS} of each, for the inner folds."
            )
        model = _fitted(features[~is_tested], learned, classifier, rule)
        margins[is_tested] = _margins(model, features[is_tested])
        if RULES[rule].moves_cut_off:
            margins[is_tested] -= _nearest_to_corner(_margins(model, features[~is_tested]), learned)
    return Diagnosis(margins)


def any_view(*views: Labels) -> Labels:
    """Whether any view of a patient shows an infarct: of labels, and of diagnoses made of each view alone."""
    return np.asarray(np.any(views, axis=0))


def _fitted(features: Floats, labels: Labels, classifier: str, rule: Rule) -> Any:
    """The classifier with its best settings, refitted on all that is given."""
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    place, grid = CLASSIFIERS[classifier]
    module, _, name = place.partition(":")
    made = getattr(importlib.import_module(module), name)()
    step = type(made).__name__.lower()
    # Fewer folds where a class has fewer recordings.
    inner = StratifiedKFold(int(min(_INNER_FOLDS, labels.sum(), (~labels).sum())))
    fewest = min(len(learned) for learned, _ in inner.split(features, labels))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), made),
        {f"{step}__{setting}": _possible(setting, values, fewest) for setting, values in grid.items()},
        scoring=RULES[rule].scoring,
        cv=inner,
    )
    return search.fit(features, labels)


def _possible(setting: str, values: Sequence[Any], num_learned: int) -> list[Any]:
    """Values of a setting that so few recordings allow: nobody has more neighbours than there are."""
    return [value for value in values if value <= num_learned] if setting == _NEIGHBOURS else list(values)


def _margins(model: Any, features: Floats) -> Floats:
    """The score above the classifier's own cut-off; of a tie just below, as the classifiers have it."""
    if hasattr(model, "decision_function"):
        margins = np.asarray(model.decision_function(features), dtype=np.float64)
    else:
        margins = np.asarray(model.predict_proba(features)[:, 1], dtype=np.float64) - _EVEN
    return np.where(margins == 0, -np.finfo(np.float64).eps, margins)


def _nearest_to_corner(scores: Floats, labels: Labels) -> float:
    """The cut-off whose sensitivity and specificity lie nearest to 1 and 1."""
    cut_offs = np.unique(scores)
    sensitivity = np.array([(scores[labels] >= cut_off).mean() for cut_off in cut_offs])
    specificity = np.array([(scores[~labels] < cut_off).mean() for cut_off in cut_offs])
    return float(cut_offs[np.argmin((1 - sensitivity) ** 2 + (1 - specificity) ** 2)])
