"""How remarks say how many."""


def counted(number: int, thing: str) -> str:
    """A number of things, such as ``1 chain`` and ``2 chains``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def shared_seeds(number: int) -> str:
    """The seeds by which two are paired."""
    return f"{counted(number, 'seed')} that both have"
