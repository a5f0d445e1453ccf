"""The report's own parts; the chapters have their own tests."""

from convprior.stages.report import LEARNED


def test_every_column_of_the_study_says_where_was_trained_and_where_shown() -> None:
    assert len(set(LEARNED.values())) == len(LEARNED)
    for key, heading in LEARNED.items():
        trained, _, _ = key.partition("_shown_")
        place = {"corner": "in the corner", "uniform": "anywhere"}[trained]
        assert heading.startswith(f"trained {place}: shown ")
