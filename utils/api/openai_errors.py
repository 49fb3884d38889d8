"""Errors of the routes below /v1, as OpenAI's client knows them: they name the parameter that is wrong."""

from __future__ import annotations

from utils.errors import AppError


class WrongParameter(AppError):
    """A parameter has a value that is not allowed, or does not go with another one.

    Attributes:
        param: Its name.
    """

    code, status = "invalid_value", 400

    def __init__(self, param: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence, hint)
        self.param = param


class MissingParameter(WrongParameter):
    """A parameter that is needed was left out."""

    code = "missing_required_parameter"


class UnknownParameter(WrongParameter):
    """There is no such parameter."""

    code = "unknown_parameter"


class ModelNotFound(WrongParameter):
    """No model of this name is on offer."""

    code, status = "model_not_found", 404

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__("model", sentence, hint)


class Stopping(AppError):
    """The server is being stopped while it works for the request."""

    code, status = "stopping", 503
