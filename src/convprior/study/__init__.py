"""The study: one module per question, which measures; ``chapters`` draws and answers.

A question's module has ``Settings``, its part of params.yaml's section `study`, and ``measure``,
which returns plain values to be kept as JSON.
"""
