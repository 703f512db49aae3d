"""Many trainings that answer one question: cross-validation, transfer, and the tables of the paper."""
