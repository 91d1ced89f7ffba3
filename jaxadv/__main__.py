"""`python -m jaxadv`: the command `jaxadv`."""

from jaxadv.cli.main import main

if __name__ == "__main__":
    main()
