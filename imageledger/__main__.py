"""`python -m imageledger`, as the supervisor starts its children."""

from imageledger.cli.main import main

main()
