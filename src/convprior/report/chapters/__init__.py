"""The report's chapters: one module per question of the study, which draws and answers.

``chapter`` makes its sentence and its figures from what the question's ``measure`` returned, and
from nothing else.
"""

QUESTIONS = (
    "sharing",
    "position",
    "locality",
    "sample_size",
    "orientation",
    "overfitting",
    "sight",
    "dense",
    "untrained",
)
