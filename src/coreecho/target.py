"""What a model reads from a heart: the name of a task."""

Target = str
