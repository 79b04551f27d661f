"""One registry for everything that has a name: entries are imported on first use, and a wrong name gets a useful answer."""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from fortifai import code_files
from fortifai.errors import UnknownName, UserError

T = TypeVar("T")


def load_object(reference: str) -> Any:
    """Import and return what ``"package.module:attribute"`` names; without an attribute, the module itself.

    Raises:
        ImportError: There is no such module, it needs one that is absent, or it tries to end the program.
        AttributeError: The module has no such attribute.
    """
    module, _, attribute = reference.partition(":")
    try:
        loaded = import_module(module)
        return getattr(loaded, attribute) if attribute else loaded
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit and its like: a plug-in must not end the command that imports it
        raise ImportError(f"{module} raised {type(error).__name__} when it was imported: {error}") from error


class Registry(Generic[T]):
    """Names of one kind (``"metric"``, ``"objective"`` ...) and the things they stand for.

    An entry is the thing itself or a lazy ``"module:attribute"`` reference. What a file of the user's own defines, and
    `code_files` has run, has a name too: ``mine.py:Softer``.

    Args:
        kind: What errors call an entry.
        group: Installed entry points of this group are entries too: this is how a third party's adapter plugs in, and how ours
            do. None: there are none.
        instance_of: The class that every entry must be an instance of, when it is imported; None: any.
        subclass_of: The class that every entry must be a subclass of, likewise.
    """

    def __init__(
        self, kind: str, *, group: str | None = None, instance_of: type | None = None, subclass_of: type | None = None
    ) -> None:
        self.kind = kind
        self._instance_of = instance_of
        self._subclass_of = subclass_of
        self._group = group
        self._is_scanned = False
        self._entries: dict[str, T | str] = {}
        self._points: dict[str, EntryPoint] = {}
        self._clashes: dict[str, str] = {}

    def register(self, name: str, entry: T | str) -> None:
        """Add an entry. Raises UserError if the name is taken by something else: no entry ever shadows another."""
        if self._entries.setdefault(name, entry) != entry:
            raise UserError(f"{self.kind} {name!r} is registered twice: {self._entries[name]!r} and {entry!r}")

    def get(self, name: str) -> T:
        """Return the entry of a name, imported.

        Raises:
            UnknownName: There is none; the text has the nearest names.
            UserError: It cannot be imported, or is not what an entry must be, or two packages bring one of this name; the text
                has the cause.
        """
        self._scan()
        if code_files.file_of(name) is not None:
            return self._checked(name, name, code_files.load(name))
        if name not in self._entries:
            raise UnknownName(self.kind, name, self._entries)
        if name in self._clashes:
            raise UserError(f"{self.kind} {name!r} is unavailable: {self._clashes[name]}")
        entry = self._entries[name]
        if not isinstance(entry, str):
            return entry
        try:
            loaded = load_object(entry)
        except Exception as error:  # whatever a third party's module raises while it is imported
            raise UserError(f"{self.kind} {name!r} is unavailable: {type(error).__name__}: {error}") from error
        self._entries[name] = checked = self._checked(name, entry, loaded)
        return checked

    def broken(self, name: str) -> str | None:
        """Return why an entry cannot be loaded, or None if it can: a broken plug-in is shown, never dropped."""
        try:
            self.get(name)
        except UserError as error:
            return str(error)
        return None

    def entry_point(self, name: str) -> EntryPoint | None:
        """Return the entry point that brings a name, or None where it is none of a package."""
        self._scan()
        return self._points.get(name)

    def __contains__(self, name: object) -> bool:
        self._scan()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._scan()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._scan()
        return len(self._entries)

    def _checked(self, name: str, where: str, loaded: Any) -> T:
        if fault := self._fault(loaded):
            raise UserError(f"{self.kind} {name!r} is unavailable: {where} is {fault}: got {loaded!r}")
        entry: T = loaded
        return entry

    def _fault(self, loaded: object) -> str | None:
        if self._instance_of is not None and not isinstance(loaded, self._instance_of):
            return f"not an instance of {self._instance_of.__name__}"
        if self._subclass_of is not None and not (isinstance(loaded, type) and issubclass(loaded, self._subclass_of)):
            return f"not a subclass of {self._subclass_of.__name__}"
        return None

    def _scan(self) -> None:
        if self._group is None or self._is_scanned:
            return
        self._is_scanned = True
        for point in entry_points(group=self._group):
            entry = self._entries.setdefault(point.name, point.value)
            first = self._points.setdefault(point.name, point)
            if entry != point.value:  # neither is guessed to be the one that is meant, and the others can be used
                others = brought_by(first) if first is not point else "fortifai itself"
                clash = f"{others} and {brought_by(point)} both bring one of this name: uninstall one of them"
                self._clashes.setdefault(point.name, clash)


def brought_by(point: EntryPoint) -> str:
    """Return the package that brings an entry point, with its version, and what it names."""
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "a package without a name"
    return f"{package} ({point.value})"
