"""`python -m coreecho`."""

from coreecho.cli.main import main

main()
