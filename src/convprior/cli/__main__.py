"""`python -m convprior.cli`, where the console script is not on the path."""

from convprior.cli import main

if __name__ == "__main__":
    main()
