"""Makes ``python -m host_litestar`` run the command ``wabroadcast``."""

from host_litestar.cli import main

if __name__ == "__main__":
    main()
