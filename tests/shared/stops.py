"""Ways of asking a training to stop."""

from coreecho.stopping import Stop


class StopAfter(Stop):
    """Asks to stop when it is looked at for the n-th time, which a training does once in each step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        super().__init__()

    @property
    def is_set(self) -> bool:  # type: ignore[override]
        self.steps -= self.is_heeded
        return self.steps < 1

    @is_set.setter
    def is_set(self, value: bool) -> None:
        pass
