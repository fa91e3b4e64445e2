"""`python -m inkling`."""

from inkling.cli.main import main

if __name__ == "__main__":
    main()
