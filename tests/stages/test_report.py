"""The report's own parts; the chapters have their own tests."""

from convprior.stages.report import LEARNED, backgrounds


def test_every_column_of_the_study_says_where_was_trained_and_where_shown() -> None:
    assert len(set(LEARNED.values())) == len(LEARNED)
    for key, heading in LEARNED.items():
        trained, _, _ = key.partition("_shown_")
        place = {"corner": "in the corner", "uniform": "anywhere"}[trained]
        assert heading.startswith(f"trained {place}: shown ")


def test_a_background_that_tells_the_class_is_not_called_chance() -> None:
    at_chance = {"mean": 0.1, "low": 0.08, "high": 0.12}
    above = {"mean": 0.15, "low": 0.13, "high": 0.17}
    accuracy = {"corner_shown_nowhere": at_chance, "uniform_shown_nowhere": at_chance}
    measured = {"a": {"accuracy": accuracy, "chance": 0.1}}
    assert backgrounds(measured).endswith("10.0% to 10.0%: chance, 10.0%, as it must be.")
    measured["b"] = {"accuracy": accuracy | {"uniform_shown_nowhere": above}, "chance": 0.1}
    assert backgrounds(measured).endswith("10.0% to 15.0%: more than chance, 10.0%, in b.")
