"""The one kind of error a user may see."""


class ThesisError(ValueError):
    """A user's mistake, told in one Korean sentence: what was wrong, what is allowed, what to do."""


def choose(kind: str, name: object, allowed) -> None:
    """Refuse a `name` that is not among the `allowed` ones."""
    if name not in tuple(allowed):  # some values have no hash
        raise ThesisError(f"알 수 없는 {kind}: {name!r}. 쓸 수 있는 값: {', '.join(map(str, allowed))}.")


class CannotGoOn(ThesisError):
    """This run cannot go on; the others of its profile can."""


class Busy(ThesisError):
    """Another process has this run."""


class Stopped(ThesisError):
    """A run that stopped before its end, with its state kept. `status` is the exit code."""

    def __init__(self, reason: str, status: int):
        super().__init__(f"{reason} 여기까지 저장했다. 같은 명령을 --restart 없이 다시 실행하면 이어서 한다.")
        self.status = status
