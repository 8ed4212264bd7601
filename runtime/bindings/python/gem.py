# The GEM runtime for Python: opens a bundle (.gemb) and runs it. One file, ctypes only.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The GEM runtime for Python 3.9 or later.

    import gem

    with gem.Bundle("model.gemb") as bundle:
        with bundle.tokenizer() as tokenizer, bundle.session(threads=2) as session:
            session.run(tokenizer.encode("a small tool that draws graphs").ids)
            print(bundle.label(session.output(gem.Role.LOGITS).argmax()))

It loads libgem.so: the file that the environment variable GEM_LIBRARY names, else the
one beside this file, else the system's. gem.h tells what functions do; names here are
its names without the prefix.

Errors are GemError and its subclasses, one for each status. Objects are closed by
`with`, by close(), or with the last reference. A bundle that is closed goes away with
the last of its sessions and tokenizers. Threads: a bundle and a tokenizer may be used
by any number; a session serves one call after the other, and only cancel() reaches a
run that is going on.
"""

from __future__ import annotations

import array
import ctypes
import ctypes.util
import enum
import functools
import operator
import os
import sys
import threading
from ctypes import POINTER, c_char, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from types import TracebackType
from typing import Any, Callable, Iterator, NamedTuple, Optional, Sequence, Type, TypeVar, Union

__all__ = [
    "Bundle", "BundleInfo", "Cancelled", "CommandProfile", "CorruptBundle", "ElementType",
    "Encoding", "Event", "EventKind", "GemError", "HashCheck", "InvalidArgument", "IoFailure",
    "LoadMode", "NotFound", "OutOfMemory", "OutOfRange", "Role", "Session", "SessionInfo",
    "Status", "Tensor", "Tokenizer", "Unsupported", "Untrusted", "VARIANT_AUTO", "cpu_kernels",
    "version",
]

VARIANT_AUTO = 0xFFFFFFFF
PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 64
MAX_RANK = 4


class Status(enum.IntEnum):
    OK = 0
    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    IO = 3
    CORRUPT = 4
    UNSUPPORTED = 5
    OUT_OF_MEMORY = 6
    OUT_OF_RANGE = 7
    CANCELLED = 8
    UNTRUSTED = 9


class EventKind(enum.IntEnum):
    MESSAGE = 0
    COMMAND = 1
    RUN = 2


class LoadMode(enum.IntEnum):
    MAP = 0
    COPY = 1


class HashCheck(enum.IntEnum):
    PROGRAM = 0
    ALL = 1
    LAZY = 2


class ElementType(enum.IntEnum):
    INVALID = 0
    F32 = 1
    U8 = 5
    I32 = 7


class Role(enum.IntEnum):
    NONE = 0
    TOKEN_IDS = 1
    TOKEN_COUNT = 2
    LOGITS = 3
    ROUTED = 4
    CLUSTER = 5
    HIDDEN_STATES = 6
    CLS = 7
    ACTIVATION = 8


# --- errors ------------------------------------------------------------------------


class GemError(Exception):
    """A call failed; `status` tells how, `message` what was found and expected."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(f"{status.name}: {message}")
        self.status = status
        self.message = message


class InvalidArgument(GemError, ValueError):
    pass


class NotFound(GemError, LookupError):
    pass


class IoFailure(GemError, OSError):
    pass


class CorruptBundle(GemError):
    pass


class Unsupported(GemError):
    pass


class OutOfMemory(GemError, MemoryError):
    pass


class OutOfRange(GemError, ValueError):
    pass


class Cancelled(GemError):
    pass


class Untrusted(GemError):
    pass


_ERRORS: dict[Status, Type[GemError]] = {
    Status.INVALID_ARGUMENT: InvalidArgument,
    Status.NOT_FOUND: NotFound,
    Status.IO: IoFailure,
    Status.CORRUPT: CorruptBundle,
    Status.UNSUPPORTED: Unsupported,
    Status.OUT_OF_MEMORY: OutOfMemory,
    Status.OUT_OF_RANGE: OutOfRange,
    Status.CANCELLED: Cancelled,
    Status.UNTRUSTED: Untrusted,
}


def _error(status: int, message: str) -> GemError:
    try:
        known = Status(status)
    except ValueError:
        known, message = Status.UNSUPPORTED, f"status {status}: {message}"
    return _ERRORS.get(known, GemError)(known, message)


# --- what gem.h declares -------------------------------------------------------------
# test/bindings/abi.py holds these against the header.


class _Error(ctypes.Structure):
    _fields_ = [("status", c_int), ("message", c_char * 500)]


class _Allocator(ctypes.Structure):
    _fields_ = [("self", c_void_p), ("allocate", c_void_p), ("release", c_void_p)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("kind", c_int), ("status", c_int), ("text", c_char_p),
        ("command", c_uint32), ("kernel", c_char_p), ("name", c_char_p), ("format", c_char_p),
        ("begin_ns", c_uint64), ("end_ns", c_uint64),
    ]


_EventFunction = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_Event))


class _Observer(ctypes.Structure):
    _fields_ = [("self", c_void_p), ("event", _EventFunction)]


_VerifyFunction = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p)


class _Verifier(ctypes.Structure):
    _fields_ = [("self", c_void_p), ("verify", _VerifyFunction)]


class _BundleOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("load_mode", c_int), ("hash_check", c_int),
        ("allocator", POINTER(_Allocator)), ("hash_threads", c_uint32), ("public_key", c_char_p),
        ("verifier", POINTER(_Verifier)), ("observer", POINTER(_Observer)),
    ]


class _BundleInfo(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("producer", c_char_p), ("model_name", c_char_p),
        ("architecture", c_char_p), ("parameters", c_uint64), ("file_size", c_uint64),
        ("format_major", c_uint32), ("format_minor", c_uint32), ("variant_count", c_uint32),
        ("label_count", c_uint32), ("maximum_tokens", c_uint32), ("padded", c_int32),
    ]


class _SessionOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("thread_count", c_uint32), ("variant", c_uint32),
        ("entry", c_char_p), ("cpu", c_char_p), ("allocator", POINTER(_Allocator)),
        ("observer", POINTER(_Observer)),
    ]


class _SessionInfo(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("cpu", c_char_p), ("cpu_reason", c_char_p),
        ("thread_count", c_uint32), ("arena_bytes", c_uint64), ("session_bytes", c_uint64),
        ("input_count", c_uint32), ("output_count", c_uint32), ("variant", c_uint32),
        ("variant_device", c_char_p), ("variant_reason", c_char_p),
    ]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p), ("role", c_int), ("element_type", c_int), ("rank", c_uint32),
        ("dims", c_uint32 * MAX_RANK), ("data", c_void_p), ("size", c_size_t),
    ]


class _CommandProfile(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("kernel", c_char_p), ("name", c_char_p),
        ("format", c_char_p), ("runs", c_uint64), ("nanoseconds", c_uint64), ("macs", c_uint64),
        ("weight_bytes", c_uint64),
    ]


class _Encoding(ctypes.Structure):
    _fields_ = [("count", c_uint32), ("truncated", c_int32)]


_STRUCTS: dict[str, Type[ctypes.Structure]] = {
    "gem_error_t": _Error,
    "gem_allocator_t": _Allocator,
    "gem_event_t": _Event,
    "gem_observer_t": _Observer,
    "gem_verifier_t": _Verifier,
    "gem_bundle_options_t": _BundleOptions,
    "gem_bundle_info_t": _BundleInfo,
    "gem_session_options_t": _SessionOptions,
    "gem_session_info_t": _SessionInfo,
    "gem_tensor_t": _Tensor,
    "gem_command_profile_t": _CommandProfile,
    "gem_encoding_t": _Encoding,
}

_ENUMS: dict[str, Type[enum.IntEnum]] = {
    "gem_status_t": Status,
    "gem_event_kind_t": EventKind,
    "gem_load_mode_t": LoadMode,
    "gem_hash_check_t": HashCheck,
    "gem_element_type_t": ElementType,
    "gem_role_t": Role,
}

_ERR = POINTER(_Error)
_OUT = POINTER(c_void_p)
# Result, then arguments.
_FUNCTIONS: dict[str, list[Any]] = {
    "gem_version": [c_char_p],
    "gem_status_name": [c_char_p, c_int],
    "gem_bundle_open": [c_int, c_char_p, POINTER(_BundleOptions), _OUT, _ERR],
    "gem_bundle_open_memory":
        [c_int, c_void_p, c_size_t, POINTER(_BundleOptions), _OUT, _ERR],
    "gem_bundle_close": [None, c_void_p],
    "gem_bundle_info": [c_int, c_void_p, POINTER(_BundleInfo)],
    "gem_bundle_label": [c_char_p, c_void_p, c_uint32],
    "gem_bundle_variant_device": [c_char_p, c_void_p, c_uint32],
    "gem_cpu_kernels": [c_char_p, c_uint32, POINTER(c_int32)],
    "gem_session_create": [c_int, c_void_p, POINTER(_SessionOptions), _OUT, _ERR],
    "gem_session_close": [None, c_void_p],
    "gem_session_info": [c_int, c_void_p, POINTER(_SessionInfo)],
    "gem_session_input": [c_int, c_void_p, c_uint32, POINTER(_Tensor), _ERR],
    "gem_session_output": [c_int, c_void_p, c_uint32, POINTER(_Tensor), _ERR],
    "gem_session_output_by_role": [c_int, c_void_p, c_int, POINTER(_Tensor), _ERR],
    "gem_session_set_input":
        [c_int, c_void_p, c_uint32, c_void_p, POINTER(c_uint32), c_uint32, _ERR],
    "gem_session_run": [c_int, c_void_p, _ERR],
    "gem_session_run_tokens": [c_int, c_void_p, POINTER(c_int32), c_uint32, _ERR],
    "gem_session_cancel": [None, c_void_p],
    "gem_session_profile": [None, c_void_p, c_int32],
    "gem_session_command_profile": [c_int, c_void_p, c_uint32, POINTER(_CommandProfile)],
}
# Of components that a library may lack.
_TEXT_FUNCTIONS: dict[str, list[Any]] = {
    "gem_tokenizer_create": [c_int, c_void_p, POINTER(_Allocator), _OUT, _ERR],
    "gem_tokenizer_create_from_memory":
        [c_int, c_void_p, c_size_t, POINTER(_Allocator), _OUT, _ERR],
    "gem_tokenizer_close": [None, c_void_p],
    "gem_tokenizer_encode":
        [c_int, c_void_p, c_char_p, c_size_t, POINTER(c_int32), c_uint32, POINTER(_Encoding), _ERR],
    "gem_tokenizer_piece": [c_void_p, c_void_p, c_int32, POINTER(c_size_t)],
    "gem_tokenizer_vocabulary_size": [c_uint32, c_void_p],
}
_SIGNATURE_FUNCTIONS: dict[str, list[Any]] = {
    "gem_ed25519_verifier": [POINTER(_Verifier)],
}


# --- the library -----------------------------------------------------------------------

_NAMES = ("libgem.dylib",) if sys.platform == "darwin" else ("libgem.so", "libgem.so.0.1")


def _candidates() -> Iterator[str]:
    named = os.environ.get("GEM_LIBRARY")
    if named:
        yield named
        return  # What was asked for, or nothing.
    here = os.path.dirname(os.path.abspath(__file__))
    for name in _NAMES:
        if os.path.exists(os.path.join(here, name)):
            yield os.path.join(here, name)
    found = ctypes.util.find_library("gem")
    if found:
        yield found
    yield from _NAMES


_Options = TypeVar("_Options", _BundleOptions, _SessionOptions)


def _options(kind: Type[_Options]) -> _Options:
    """The defaults, as gem.h's inline functions set them."""
    options = kind()
    options.struct_size = ctypes.sizeof(kind)
    if isinstance(options, _SessionOptions):
        options.thread_count = 1
        options.variant = VARIANT_AUTO
    return options


@functools.lru_cache(maxsize=None)
def _load() -> ctypes.CDLL:
    problems = []
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
        except OSError as error:
            problems.append(str(error))
            continue
        for functions, needed in ((_FUNCTIONS, True), (_TEXT_FUNCTIONS, False),
                                  (_SIGNATURE_FUNCTIONS, False)):
            for function_name, (result, *arguments) in functions.items():
                try:
                    function = getattr(library, function_name)
                except AttributeError:
                    if not needed:
                        continue
                    raise GemError(
                        Status.UNSUPPORTED,
                        f"{name}: expected a function {function_name}, but found none; it is no "
                        "libgem, or one that does not fit this gem.py",
                    ) from None
                function.restype = result
                function.argtypes = arguments
        return library
    raise GemError(
        Status.NOT_FOUND,
        "libgem.so could not be loaded; name it with the environment variable GEM_LIBRARY: "
        + "; ".join(problems),
    )


def _component(name: str, component: str) -> Any:
    try:
        return getattr(_load(), name)
    except AttributeError:
        raise GemError(
            Status.UNSUPPORTED, f"this libgem was built without its {component} component"
        ) from None


def _text(value: Optional[bytes]) -> str:
    return value.decode("utf-8", "replace") if value is not None else ""


def version() -> str:
    """The runtime's version, "MAJOR.MINOR.PATCH"."""
    return _text(_load().gem_version())


def cpu_kernels() -> dict[str, bool]:
    """The CPU kernels that are compiled in, best first, and whether this CPU runs them."""
    kernels: dict[str, bool] = {}
    supported = c_int32()
    while True:
        name = _load().gem_cpu_kernels(len(kernels), ctypes.byref(supported))
        if name is None:
            return kernels
        kernels[_text(name)] = supported.value != 0


# ctypes takes any integer for its low bits, and a string up to its first NUL.


def _uint32(what: str, value: int) -> int:
    value = operator.index(value)
    if not 0 <= value < 2**32:
        raise OutOfRange(Status.OUT_OF_RANGE,
                         f"{what}: expected 0 to {2**32 - 1}, but got {value}")
    return value


def _name(what: str, value: Union[str, bytes]) -> bytes:
    name = value.encode() if isinstance(value, str) else value
    if b"\0" in name:
        raise InvalidArgument(Status.INVALID_ARGUMENT,
                              f"{what}: expected no NUL, but got {value!r}")
    return name


class _Handle:
    """An object of the library. It is closed when close() was called and nobody uses it."""

    def __init__(self, address: int, close: Callable[[int], None],
                 parent: Optional[_Handle] = None, keep: object = None) -> None:
        """`parent` is in use already, for this object until it is closed: see child()."""
        self._address = address
        self._close = close
        self._parent = parent
        self._keep = keep  # What the library points into.
        self._users = 0
        self._closed = False
        self._lock = threading.Lock()

    def child(self, create: Callable[[int], int], close: Callable[[int], None],
              keep: object = None) -> _Handle:
        """What `create` makes of this object, which it uses as long as it lives.

        One use, from before it is made: this object may be closed meanwhile.
        """
        address = self.__enter__()
        try:
            return _Handle(create(address), close, self, keep)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> int:
        with self._lock:
            if self._closed:
                raise ValueError("the object is closed")
            self._users += 1
            return self._address

    def __exit__(self, *unused: object) -> None:
        with self._lock:
            self._users -= 1
            last = self._closed and self._users == 0
        if last:
            self._release()

    def close(self) -> None:
        with self._lock:
            first = not self._closed
            self._closed = True
            last = first and self._users == 0
        if last:
            self._release()

    def _release(self) -> None:
        self._close(self._address)
        if self._parent is not None:
            self._parent.__exit__()

    def __del__(self) -> None:
        self.close()


_Self = TypeVar("_Self", bound="_Closable")


class _Closable:
    _handle: _Handle

    def close(self) -> None:
        """Closes the object; a second time does nothing."""
        self._handle.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()


# --- observation -------------------------------------------------------------------------


class Event(NamedTuple):
    kind: EventKind
    status: Status
    text: str
    command: int
    kernel: str
    name: str
    format: str
    begin_ns: int
    end_ns: int


class _Listener:
    """Calls a function of Python; what it raises is raised again where the call returns."""

    def __init__(self, function: Callable[[Event], None]) -> None:
        self._function = function
        self._raised: Optional[BaseException] = None
        self.struct = _Observer(None, _EventFunction(self._event))

    def _event(self, _: Optional[int], event: Any) -> None:
        if self._raised is not None:
            return
        e = event.contents
        try:
            self._function(Event(EventKind(e.kind), Status(e.status), _text(e.text), e.command,
                                 _text(e.kernel), _text(e.name), _text(e.format), e.begin_ns,
                                 e.end_ns))
        except BaseException as error:  # pylint: disable=broad-except
            self._raised = error

    def reraise(self) -> None:
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised


def _check(status: int, error: _Error, listener: Optional[_Listener] = None) -> None:
    if listener is not None:
        listener.reraise()
    if status != Status.OK:
        raise _error(status, _text(error.message))


# --- bundles -----------------------------------------------------------------------------


class BundleInfo(NamedTuple):
    producer: str
    model_name: str
    architecture: str
    parameters: int
    file_size: int
    format_major: int
    format_minor: int
    variant_count: int
    label_count: int
    maximum_tokens: int
    padded: bool


# (signature, message, public key) -> whether it is right.
VerifyFunction = Callable[[bytes, bytes, bytes], bool]


class Bundle(_Closable):
    """A bundle, from a file or from bytes (which are copied)."""

    def __init__(self, source: Union[str, "os.PathLike[str]", bytes, bytearray, memoryview], *,
                 mode: LoadMode = LoadMode.MAP, hash_check: HashCheck = HashCheck.PROGRAM,
                 hash_threads: int = 1, key: Optional[bytes] = None,
                 verifier: Optional[VerifyFunction] = None,
                 observer: Optional[Callable[[Event], None]] = None) -> None:
        """Opens and verifies a bundle.

        With `key`, the 32 bytes of an Ed25519 public key, a bundle that is not signed
        with it is refused (Untrusted). `verifier` checks signatures instead of the
        library's signature component. `observer` is told messages about the bundle.
        """
        library = _load()
        options = _options(_BundleOptions)
        options.load_mode = _uint32("mode", mode)
        options.hash_check = _uint32("hash_check", hash_check)
        options.hash_threads = _uint32("hash_threads", hash_threads)
        listener = _Listener(observer) if observer is not None else None
        if listener is not None:
            options.observer = ctypes.pointer(listener.struct)
        if key is not None:
            if len(key) != PUBLIC_KEY_SIZE:
                raise InvalidArgument(
                    Status.INVALID_ARGUMENT,
                    f"key: expected {PUBLIC_KEY_SIZE} bytes, but got {len(key)}")
            options.public_key = key
            if verifier is None:
                options.verifier = _component("gem_ed25519_verifier", "signature")()
        if verifier is not None:
            check = verifier

            def verify(_: object, signature: int, message: int, size: int, public: int) -> int:
                return int(bool(check(ctypes.string_at(signature, SIGNATURE_SIZE),
                                      ctypes.string_at(message, size),
                                      ctypes.string_at(public, PUBLIC_KEY_SIZE))))

            options.verifier = ctypes.pointer(_Verifier(None, _VerifyFunction(verify)))
        address, error = c_void_p(), _Error()
        if isinstance(source, (bytes, bytearray, memoryview)):
            # Copied to where it is aligned as the library wants it.
            view = memoryview(source).cast("B")
            room = ctypes.create_string_buffer(len(view) + 64)
            start = ctypes.addressof(room) + -ctypes.addressof(room) % 64
            ctypes.memmove(start, bytes(view), len(view))
            keep: object = (room, listener)
            status = library.gem_bundle_open_memory(
                start, len(view), options, ctypes.byref(address), error)
        else:
            keep = listener
            status = library.gem_bundle_open(
                _name("source", os.fsencode(source)), options, ctypes.byref(address), error)
        if status == Status.OK:
            self._handle = _Handle(address.value or 0, library.gem_bundle_close, keep=keep)
        _check(status, error, listener)
        info = _BundleInfo(struct_size=ctypes.sizeof(_BundleInfo))
        with self._handle as bundle:
            library.gem_bundle_info(bundle, info)
        self.info = BundleInfo(
            _text(info.producer), _text(info.model_name), _text(info.architecture),
            info.parameters, info.file_size, info.format_major, info.format_minor,
            info.variant_count, info.label_count, info.maximum_tokens, info.padded != 0)

    def label(self, index: int) -> Optional[str]:
        """The label of a class, or None."""
        return self._indexed(_load().gem_bundle_label, index)

    def labels(self) -> list[str]:
        return [self.label(i) or "" for i in range(self.info.label_count)]

    def variant_device(self, index: int) -> Optional[str]:
        """The device a variant was compiled for, or None past the last variant."""
        return self._indexed(_load().gem_bundle_variant_device, index)

    def variants(self) -> list[str]:
        return [self.variant_device(i) or "" for i in range(self.info.variant_count)]

    def _indexed(self, function: Callable[[int, int], Optional[bytes]],
                 index: int) -> Optional[str]:
        if not 0 <= index < 2**32:
            return None
        with self._handle as bundle:
            value = function(bundle, index)
            return None if value is None else _text(value)

    def session(self, *, threads: int = 1, variant: Optional[int] = None,
                entry: Optional[str] = None, cpu: Optional[str] = None,
                observer: Optional[Callable[[Event], None]] = None) -> Session:
        """Creates a session; it takes all memory it will ever need."""
        return Session(self, threads=threads, variant=variant, entry=entry, cpu=cpu,
                       observer=observer)

    def tokenizer(self) -> Tokenizer:
        """Makes the bundle's tokenizer; NotFound when it carries none."""
        return Tokenizer(self)


# --- tensors -------------------------------------------------------------------------------

_CODES = {ElementType.F32: "f", ElementType.U8: "B", ElementType.I32: "i"}


class Tensor(NamedTuple):
    """An input or output. `values` is a copy, flat and row-major; empty before a run."""

    name: str
    role: Role
    element_type: ElementType
    shape: tuple[int, ...]
    values: "array.array[Any]"

    def argmax(self) -> int:
        """The index of the largest value, the first of equals."""
        return max(range(len(self.values)), key=self.values.__getitem__)

    def numpy(self) -> Any:
        """The values as an array of numpy (which must be installed) of this shape."""
        import numpy  # pylint: disable=import-outside-toplevel

        return numpy.frombuffer(self.values, self.values.typecode).reshape(self.shape)


def _make_tensor(tensor: _Tensor) -> Tensor:
    element_type = ElementType(tensor.element_type)
    values = array.array(_CODES[element_type])
    if tensor.data:
        values.frombytes(ctypes.string_at(tensor.data, tensor.size))
    return Tensor(_text(tensor.name), Role(tensor.role), element_type,
                  tuple(tensor.dims[:tensor.rank]), values)


# --- sessions ------------------------------------------------------------------------------


class SessionInfo(NamedTuple):
    cpu: str
    cpu_reason: str
    thread_count: int
    arena_bytes: int
    session_bytes: int
    input_count: int
    output_count: int
    variant: int
    variant_device: str
    variant_reason: str


class CommandProfile(NamedTuple):
    kernel: str
    name: str
    format: str
    runs: int
    nanoseconds: int
    macs: int
    weight_bytes: int


class Session(_Closable):
    """Runs one entry of one variant of a bundle."""

    def __init__(self, bundle: Bundle, *, threads: int = 1, variant: Optional[int] = None,
                 entry: Optional[str] = None, cpu: Optional[str] = None,
                 observer: Optional[Callable[[Event], None]] = None) -> None:
        library = _load()
        options = _options(_SessionOptions)
        options.thread_count = _uint32("threads", threads)
        if variant is not None:
            options.variant = _uint32("variant", variant)
        options.entry = None if entry is None else _name("entry", entry)
        options.cpu = None if cpu is None else _name("cpu", cpu)
        self._listener = _Listener(observer) if observer is not None else None
        if self._listener is not None:
            options.observer = ctypes.pointer(self._listener.struct)
        self._lock = threading.Lock()

        def create(parent: int) -> int:
            address, error = c_void_p(), _Error()
            status = library.gem_session_create(parent, options, ctypes.byref(address), error)
            if status != Status.OK:
                _check(status, error, self._listener)
            return address.value or 0

        self._handle = bundle._handle.child(create, library.gem_session_close, self._listener)
        if self._listener is not None:
            self._listener.reraise()
        info = _SessionInfo(struct_size=ctypes.sizeof(_SessionInfo))
        with self._handle as session:
            library.gem_session_info(session, info)
        self.info = SessionInfo(
            _text(info.cpu), _text(info.cpu_reason), info.thread_count, info.arena_bytes,
            info.session_bytes, info.input_count, info.output_count, info.variant,
            _text(info.variant_device), _text(info.variant_reason))

    def _call(self, function: Callable[..., int], *arguments: Any) -> None:
        error = _Error()
        with self._lock, self._handle as session:
            status = function(session, *arguments, error)
        _check(status, error, self._listener)

    def _describe(self, function: Callable[..., int], which: int) -> Tensor:
        tensor, error = _Tensor(), _Error()
        with self._lock, self._handle as session:
            _check(function(session, which, tensor, error), error)
            return _make_tensor(tensor)

    def input(self, index: int) -> Tensor:
        """Describes an input; NotFound past the last."""
        return self._describe(_load().gem_session_input, _uint32("input", index))

    def output(self, which: Union[Role, int]) -> Tensor:
        """The output of a role, or at an index."""
        if isinstance(which, Role):
            return self._describe(_load().gem_session_output_by_role, which)
        return self._describe(_load().gem_session_output, _uint32("output", which))

    def set_input(self, index: int, data: Any, shape: Optional[Sequence[int]] = None) -> None:
        """Copies an input in: a buffer (array, bytes, numpy array) of the input's type."""
        code = _CODES[self.input(index).element_type]
        view = memoryview(data)
        if shape is None:
            shape = view.shape or ()
        shape = [_uint32(f"input {index}: extent", extent) for extent in shape]
        if view.format.lstrip("<=@") != code:
            raise InvalidArgument(
                Status.INVALID_ARGUMENT,
                f"input {index}: expected elements of type '{code}', but got '{view.format}'")
        elements = 1
        for extent in shape:
            elements *= extent
        if elements * view.itemsize != view.nbytes:
            raise InvalidArgument(
                Status.INVALID_ARGUMENT,
                f"input {index}: expected data of shape {tuple(shape)}, but got "
                f"{view.nbytes // view.itemsize} elements")
        content = view.tobytes()
        self._call(_load().gem_session_set_input, index, content,
                   (c_uint32 * len(shape))(*shape), len(shape))

    def run(self, ids: Optional[Sequence[int]] = None) -> None:
        """Runs on token ids or, without any, on the inputs that were set."""
        if ids is None:
            self._call(_load().gem_session_run)
            return
        try:
            values = array.array("i", list(ids))
        except OverflowError as error:
            raise OutOfRange(Status.OUT_OF_RANGE, f"token ids: {error}") from None
        self._call(_load().gem_session_run_tokens,
                   (c_int32 * len(values)).from_buffer_copy(values), len(values))

    def cancel(self) -> None:
        """Makes a run in progress on another thread, else the next, raise Cancelled."""
        with self._handle as session:
            _load().gem_session_cancel(session)

    def profile(self, on: bool = True) -> None:
        """Switches the timing of commands on (clearing what was counted) or off."""
        with self._lock, self._handle as session:
            _load().gem_session_profile(session, int(bool(on)))

    def command_profiles(self) -> list[CommandProfile]:
        """What each command cost since profile() was called."""
        profiles: list[CommandProfile] = []
        p = _CommandProfile(struct_size=ctypes.sizeof(_CommandProfile))
        with self._lock, self._handle as session:
            while _load().gem_session_command_profile(session, len(profiles), p) == Status.OK:
                profiles.append(CommandProfile(
                    _text(p.kernel), _text(p.name), _text(p.format), p.runs, p.nanoseconds,
                    p.macs, p.weight_bytes))
        return profiles


# --- texts ---------------------------------------------------------------------------------


class Encoding(NamedTuple):
    ids: list[int]
    truncated: bool


class Tokenizer(_Closable):
    """Texts to token ids."""

    def __init__(self, source: Union[Bundle, bytes]) -> None:
        """The tokenizer of a bundle, or of the bytes of a tokenizer segment."""
        close = _component("gem_tokenizer_close", "text")

        def create(function: Callable[..., int], *arguments: Any) -> int:
            address, error = c_void_p(), _Error()
            _check(function(*arguments, None, ctypes.byref(address), error), error)
            return address.value or 0

        if isinstance(source, Bundle):
            self._handle = source._handle.child(
                functools.partial(create, _load().gem_tokenizer_create), close)
            self._capacity = source.info.maximum_tokens
        else:
            self._handle = _Handle(
                create(_load().gem_tokenizer_create_from_memory, source, len(source)), close)
            self._capacity = 512

    def encode(self, text: Union[str, bytes], maximum: Optional[int] = None) -> Encoding:
        """[CLS] pieces [SEP], at most `maximum` ids (the bundle's maximum by default)."""
        content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        capacity = self._capacity if maximum is None else _uint32("maximum", maximum)
        ids = (c_int32 * capacity)()
        encoding, error = _Encoding(), _Error()
        with self._handle as tokenizer:
            _check(_load().gem_tokenizer_encode(
                tokenizer, content, len(content), ids, capacity, encoding, error), error)
        return Encoding(ids[:encoding.count], encoding.truncated != 0)

    def piece(self, id: int) -> Optional[str]:  # pylint: disable=redefined-builtin
        """The piece of an id ("##ing"), or None."""
        if not 0 <= id < 2**31:
            return None
        size = c_size_t()
        with self._handle as tokenizer:
            address = _load().gem_tokenizer_piece(tokenizer, id, ctypes.byref(size))
            return None if not address else _text(ctypes.string_at(address, size.value))

    @property
    def vocabulary_size(self) -> int:
        with self._handle as tokenizer:
            return int(_load().gem_tokenizer_vocabulary_size(tokenizer))
