"""The study: one module per question, which measures; ``chapters`` draws and answers.

A question's module has ``measure(material, settings)``, which returns plain values to be kept as
JSON, and ``curve(metrics)``, the rows of its plot. What ``measure`` annotates ``settings`` with is
the type of the question's part of params.yaml's section `study`.
"""
