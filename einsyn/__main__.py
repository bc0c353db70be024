"""`python -m einsyn`."""

from einsyn.cli.main import main

main()
