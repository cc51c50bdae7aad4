"""``python -m host_litestar`` is ``wabroadcast``."""

from host_litestar.cli import main

if __name__ == "__main__":
    main()
