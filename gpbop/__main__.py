"""`python -m gpbop` is the command `gpbop`."""

from gpbop.cli import main

if __name__ == "__main__":
    main()
