"""What is shown: chapters, charts, one page, the slider."""
