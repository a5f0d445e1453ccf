"""The report's chapters: one module per question of the study, which draws and answers.

``chapter`` makes its sentence and its figures from what the question's ``measure`` returned, and
from nothing else. The questions and their order are those of params.yaml's section `study`.
"""
