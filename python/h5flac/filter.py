"""The filter as h5py's `create_dataset` takes it, and how libhdf5 finds it."""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation, Overflow
from typing import Any

import h5py
import numpy as np

from . import libhdf5, library
from .library import FILTER_ID, PLUGIN_PATH

_DITHER = 0x100
_AXIS = 0xFF
_LARGEST_NUMERATOR = 2**32 - 1
_LARGEST_POWER = 22
_CONFIG = ("level", "quanta", "precision", "noise", "axis", "dither")


class Flac(h5py.filters.FilterRefBase):
    """How h5flac compresses a dataset.

    Goes wherever h5py takes a filter: ``create_dataset(…, compression=Flac(quanta=0.01))`` or
    ``create_dataset(…, **Flac(quanta=0.01))``. Without arguments every bit comes back; integers,
    booleans and enums are lossless whatever is asked.

    Parameters
    ----------
    level : int
        Effort, 0 to 8. It changes size and speed, never the values.
    quanta : float, Decimal or str
        The step, in the unit of the data: no sample errs by more than half of it. A Decimal or a
        string such as "0.001" is decimal: samples come back as exactly those decimals.
    precision : int
        Decimal digits, 1 to 17: the step is the standard deviation of each stream / 10**precision.
    noise : float
        Steps in the noise: the step is the noise of each stream / `noise`. The noise is estimated
        from third differences, blind to drifts and glitches.
    absolute : float, Decimal or str
        The largest error, as SZ3 and ZFP have it: the same as ``quanta=2 * absolute``.
    axis : int
        The axis along which time runs, counted from the last: -1 is the last, -2 the one before.
    dither : bool
        Subtractive dither: the error is independent of the signal, within the same bound. With a
        binary quanta, precision or noise.

    Raises
    ------
    ValueError
        If an argument makes no sense, or if more than one of quanta, absolute, precision and noise
        is given.
    """

    filter_id = FILTER_ID
    filter_name = "h5flac"

    def __init__(
        self,
        level: int = 5,
        quanta: float | Decimal | str | None = None,
        precision: int | None = None,
        noise: float | None = None,
        axis: int = -1,
        dither: bool = False,
        *,
        absolute: float | Decimal | str | None = None,
    ):
        modes = {"quanta": quanta, "absolute": absolute, "precision": precision, "noise": noise}
        given = [name for name, value in modes.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"both {given[0]} and {given[1]} are given; one of them sets the step")
        level = _integer("level", level)
        if not 0 <= level <= 8:
            raise ValueError(f"level is {level}; use 0 to 8")
        axis = _integer("axis", axis)
        if not -256 <= axis <= -1:
            raise ValueError(
                f"axis is {axis}; count from the last, -1, since a filter does not know the rank"
            )
        if not isinstance(dither, bool | np.bool_):
            raise ValueError(f"dither is {dither!r}; use True or False")
        if absolute is not None:
            try:
                quanta = 2 * _step("absolute", absolute)
            except Overflow:
                raise ValueError(f"absolute is {absolute}, which is too large") from None
        options = -1 - axis | (_DITHER if dither else 0)
        if quanta is not None:
            quanta = _step("quanta", quanta)
            if isinstance(quanta, Decimal):
                mode, values = "decimal", _decimal(quanta)
            else:
                mode, values = "quanta", (quanta,)
        elif precision is not None:
            mode, values = "precision", (_integer("precision", precision),)
        elif noise is not None:
            mode, values = "noise", (_real("noise", noise),)
        else:
            mode, values = "lossless", ()
        self.filter_options = library.params(mode, level, *values, options=options)

    @classmethod
    def from_filter_options(cls, words: Sequence[int]) -> Flac:
        """The filter of parameter words: as passed to HDF5, or as a dataset stores them.

        Raises
        ------
        ValueError
            If they are not words of h5flac.
        """
        words = [operator.index(word) for word in words]
        wrong = [word for word in words if not 0 <= word < 2**32]
        if wrong:
            raise ValueError(f"{wrong[0]} is no parameter word; words are from 0 to 2**32 - 1")
        level, mode, low, high, options = (words + list(library.LOSSLESS)[len(words) :])[:5]
        arguments: dict[str, Any] = {"level": level, "axis": -1 - (options & _AXIS)}
        if options & ~(_DITHER | _AXIS):
            raise ValueError(f"options {options:#x} in word 4; known are {_DITHER | _AXIS:#x}")
        real = struct.unpack("<d", struct.pack("<2I", low, high))[0]
        if mode == 1:
            arguments["quanta"] = real
        elif mode == 2:
            if high > _LARGEST_POWER:
                raise ValueError(f"power {high} in word 3; use 0 to {_LARGEST_POWER}")
            arguments["quanta"] = Decimal(low).scaleb(-high)
        elif mode == 3:
            arguments["precision"] = low
        elif mode == 4:
            arguments["noise"] = real
        elif mode != 0:
            raise ValueError(f"unknown mode {mode} in word 1; known are 0 to 4")
        return cls(dither=bool(options & _DITHER), **arguments)

    @classmethod
    def of(cls, dataset: h5py.Dataset) -> Flac:
        """How a dataset is compressed, from the words that it stores.

        Raises
        ------
        ValueError
            If it is not compressed with h5flac.
        """
        return cls.from_filter_options(stored_words(dataset))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Flac:
        """The filter of what `config` gives, as Zarr's metadata hold it.

        Raises
        ------
        ValueError
            If a key is unknown or a value makes no sense.
        """
        unknown = sorted(set(config) - set(_CONFIG))
        if unknown:
            raise ValueError(
                f"unknown key {unknown[0]!r}; known are {', '.join(_CONFIG)}; what a later h5flac "
                "wrote needs one that is as new"
            )
        return cls(**config)

    @property
    def level(self) -> int:
        """Effort, 0 to 8."""
        return self.filter_options[0]

    @property
    def mode(self) -> str:
        """One of "lossless", "quanta", "decimal", "precision", "noise"."""
        return ("lossless", "quanta", "decimal", "precision", "noise")[self.filter_options[1]]

    @property
    def axis(self) -> int:
        """The axis of time, counted from the last: -1 is the last."""
        return -1 - (self.filter_options[4] & _AXIS)

    @property
    def dither(self) -> bool:
        """Whether subtractive dither is on."""
        return bool(self.filter_options[4] & _DITHER)

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that differ from the defaults; what JSON can hold.

        A decimal quanta is a string.
        """
        _, _, low, high, _ = self.filter_options
        real = struct.unpack("<d", struct.pack("<2I", low, high))[0]
        config: dict[str, Any] = {}
        if self.level != 5:
            config["level"] = self.level
        match self.mode:
            case "quanta":
                config["quanta"] = real
            case "decimal":
                config["quanta"] = format(Decimal(low).scaleb(-high), "f")
            case "precision":
                config["precision"] = low
            case "noise":
                config["noise"] = real
        if self.axis != -1:
            config["axis"] = self.axis
        if self.dither:
            config["dither"] = True
        return config

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.config.items())
        return f"Flac({arguments})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Flac):
            return self.filter_options == other.filter_options
        return dict(self) == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.filter_options)


def _integer(name: str, value: Any) -> int:
    if not isinstance(value, bool | np.bool_):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise ValueError(f"{name} is {value!r}; it must be an integer")


def _real(name: str, value: Any) -> float:
    if not isinstance(value, bool | np.bool_ | str):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    hint = "; for one step per stream see h5flac.write" if np.ndim(value) > 0 else ""
    raise ValueError(f"{name} is {value!r}; it must be one number{hint}")


def _step(name: str, value: Any) -> float | Decimal:
    """A step as a float, or as a Decimal where it is written as one."""
    if isinstance(value, str):
        try:
            value = Decimal(value)
        except InvalidOperation:
            raise ValueError(f'{name} is {value!r}; as a string it is a decimal, "0.001"') from None
    if isinstance(value, Decimal):
        if not value.is_finite() or value <= 0:
            raise ValueError(f"{name} is {value}; it must be finite and above 0")
        return value
    value = _real(name, value)
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} is {value}; it must be finite and above 0")
    return value


def _decimal(quanta: Decimal) -> tuple[int, int]:
    """Numerator and power of ten of a decimal quanta: numerator / 10**power."""
    _, digits, exponent = quanta.as_tuple()
    numerator = int("".join(map(str, digits)))
    while numerator % 10 == 0:
        numerator, exponent = numerator // 10, exponent + 1
    if 0 < exponent < 10:
        numerator, exponent = numerator * 10**exponent, 0
    if exponent > 0 or numerator > _LARGEST_NUMERATOR or -exponent > _LARGEST_POWER:
        raise ValueError(
            f"quanta {quanta} is not n/10**p with n below 2**32 and p up to {_LARGEST_POWER}; "
            "pass it as a float"
        )
    return numerator, -exponent


def filters(dataset: h5py.Dataset) -> dict[int, tuple[int, ...]]:
    """Number and parameter words of each filter of a dataset, in the order of its pipeline."""
    plist = dataset.id.get_create_plist()
    found = (plist.get_filter(i) for i in range(plist.get_nfilters()))
    return {code: tuple(word & 0xFFFFFFFF for word in words) for code, _, words, _ in found}


def stored_words(dataset: h5py.Dataset) -> tuple[int, ...]:
    """The parameter words that a dataset stores for h5flac.

    Raises
    ------
    ValueError
        If it is not compressed with h5flac.
    """
    words = filters(dataset).get(FILTER_ID)
    if words is None:
        raise ValueError(f"dataset {dataset.name} is not compressed with h5flac")
    return words


def from_filter_options(filter_id: int, filter_options: Sequence[int]) -> Flac:
    """The filter of an id and its parameter words.

    Raises
    ------
    ValueError
        If the id is not that of h5flac, or the words are not its.
    """
    if filter_id != FILTER_ID:
        raise ValueError(f"filter {filter_id}; h5flac has {FILTER_ID}")
    return Flac.from_filter_options(filter_options)


def register(force: bool = False) -> bool:
    """Makes the filter known to h5py's libhdf5. Importing h5flac has done so.

    One that h5py already has, or that it finds on HDF5_PLUGIN_PATH, is left in place, unless
    `force` is true.

    Returns
    -------
    bool
        Whether h5py now uses the plugin of this package.
    """
    if not force and h5py.h5z.filter_avail(FILTER_ID):
        return False
    return libhdf5.register_filter(library.plugin_info())


def enable(package: str) -> None:
    """Lets another package's libhdf5 find the plugin, by the folder PLUGIN_PATH.

    Packages from PyPI bring a libhdf5 each, so that what h5py knows is nothing to them. Call it
    before the package reads or writes compressed data.

    Parameters
    ----------
    package : "netCDF4", "tables" or "h5py"

    Raises
    ------
    ValueError
        If the package is another.
    ImportError
        If it is not installed.
    RuntimeError
        If its libhdf5 cannot be reached.
    """
    if package not in libhdf5.EXTENSIONS:
        raise ValueError(f"unknown package {package!r}; known are {', '.join(libhdf5.EXTENSIONS)}")
    libhdf5.add_plugin_folder(package, PLUGIN_PATH)


def get_config() -> dict[str, Any]:
    """What is in use: versions, the plugin's file, and whether h5py knows the filter."""
    return {
        "version": library.version(),
        "library": f"{PLUGIN_PATH}/libh5flac.so",
        "filter_id": FILTER_ID,
        "registered": bool(h5py.h5z.filter_avail(FILTER_ID)),
        "h5py": h5py.__version__,
        "hdf5": h5py.version.hdf5_version,
    }
