"""What is shown: sections, chapters, charts, two pages, the slider."""
