"""Coroutines made of synchronous methods: names, parameters and types are those of the methods, written only there."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from wabroadcast_core.async_api.threads import Threads

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Piece = TypeVar("Piece")
Wrapped = TypeVar("Wrapped")
Part = TypeVar("Part", bound="AsyncPart[Any]")
Draft = TypeVar("Draft")
Recipient = TypeVar("Recipient")
Draft_contra = TypeVar("Draft_contra", contravariant=True)
Recipient_contra = TypeVar("Recipient_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class AsyncPart(Generic[Wrapped]):
    """An object whose methods are coroutines of the methods of another one.

    :param sync: the object with the synchronous methods.
    :param threads: where they run.
    """

    def __init__(self, sync: Wrapped, threads: Threads) -> None:
        self.sync = sync
        self.threads = threads


class InThread(Generic[Parameters, Result]):
    """The coroutine of a method, as an attribute of an :class:`AsyncPart`."""

    def __init__(self, method: Callable[Concatenate[Any, Parameters], Result]) -> None:
        self.__wrapped__ = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, part: None, _: type) -> Self: ...
    @overload
    def __get__(self, part: AsyncPart[Any], _: type) -> Callable[Parameters, Coroutine[Any, Any, Result]]: ...
    def __get__(self, part: AsyncPart[Any] | None, _: type) -> Self | Callable[Parameters, Coroutine[Any, Any, Result]]:
        if part is None:
            return self
        method: Callable[Parameters, Result] = getattr(part.sync, self.__wrapped__.__name__)
        threads = part.threads

        async def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            return await threads.run(method, *args, **kwargs)

        return call


class TakesAudience(Protocol[Draft_contra, Recipient_contra, Parameters, Result_co]):
    """The coroutine of a method that takes a draft and its recipients."""

    def __call__(
        self,
        draft: Draft_contra,
        recipients: Iterable[Recipient_contra] | AsyncIterable[Recipient_contra] | None = None,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Coroutine[Any, Any, Result_co]: ...


class WithAudience(Generic[Draft, Recipient, Parameters, Result]):
    """As :class:`InThread`, of a method that takes recipients, which may be an asynchronous iterable here."""

    def __init__(
        self, method: Callable[Concatenate[Any, Draft, Iterable[Recipient] | None, Parameters], Result]
    ) -> None:
        self.__wrapped__ = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, part: None, _: type) -> Self: ...
    @overload
    def __get__(self, part: AsyncPart[Any], _: type) -> TakesAudience[Draft, Recipient, Parameters, Result]: ...
    def __get__(
        self, part: AsyncPart[Any] | None, _: type
    ) -> Self | TakesAudience[Draft, Recipient, Parameters, Result]:
        if part is None:
            return self
        method: Callable[..., Result] = getattr(part.sync, self.__wrapped__.__name__)
        threads = part.threads

        async def call(
            draft: Draft,
            recipients: Iterable[Recipient] | AsyncIterable[Recipient] | None = None,
            *args: Parameters.args,
            **kwargs: Parameters.kwargs,
        ) -> Result:
            return await threads.run_reading(lambda read: method(draft, read, *args, **kwargs), recipients)

        return call


class Iterated(Generic[Parameters, Piece]):
    """The asynchronous iterator of a method that returns an iterator, as an attribute of an :class:`AsyncPart`."""

    def __init__(self, method: Callable[Concatenate[Any, Parameters], Iterator[Piece]]) -> None:
        self.__wrapped__ = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, part: None, _: type) -> Self: ...
    @overload
    def __get__(self, part: AsyncPart[Any], _: type) -> Callable[Parameters, AsyncIterator[Piece]]: ...
    def __get__(self, part: AsyncPart[Any] | None, _: type) -> Self | Callable[Parameters, AsyncIterator[Piece]]:
        if part is None:
            return self
        method: Callable[Parameters, Iterator[Piece]] = getattr(part.sync, self.__wrapped__.__name__)
        threads = part.threads

        async def pieces(*args: Parameters.args, **kwargs: Parameters.kwargs) -> AsyncIterator[Piece]:
            async for piece in threads.iterate(await threads.run(method, *args, **kwargs)):
                yield piece

        return pieces


class Namespace(Generic[Part]):
    """The asynchronous form of an attribute of the same name, as an attribute of an :class:`AsyncPart`."""

    def __init__(self, kind: type[Part]) -> None:
        self.kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, part: None, _: type) -> Self: ...
    @overload
    def __get__(self, part: AsyncPart[Any], _: type) -> Part: ...
    def __get__(self, part: AsyncPart[Any] | None, _: type) -> Self | Part:
        return self if part is None else self.kind(getattr(part.sync, self._name), part.threads)
