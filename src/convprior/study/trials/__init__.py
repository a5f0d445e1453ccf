"""What is trained to answer the study's questions: plan, runs, intervals."""
