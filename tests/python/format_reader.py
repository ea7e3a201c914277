"""Reads h5flac chunks as docs/format.md specifies them, slowly and with nothing of h5flac's.

`python format_reader.py FILE.chunk` prints the chunk's bytes and what they mean; with a Markdown
file as second argument, into the block of that file that is marked `annotated`.
"""

import struct
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from flac_reader import FormatError, check, flac_frame, signed, unzigzag

SPAN = 65536
MASK = (1 << 64) - 1
COLUMNS = ["kind", "offset", "factor", "width", "block"]
COLUMNS += ["detail", "parameter", "second", "padding", "exceptions"]
# Of floats of so many bytes: bits of the mantissa, exponents of the smallest number and of the
# largest power of two.
LIMITS = {2: (11, -24, 15), 4: (24, -149, 127), 8: (53, -1074, 1023)}
RULES = ["ordered", "quanta", "decimal", "dithered", "affine", "folded"]
FORMS = ["constant", "narrow", "split", "difference", "predicted", "fixed point"]


class Unsupported(FormatError):
    """Bytes of a later format."""


def float_of(code):
    bits = int(f"{code:064b}"[::-1], 2)
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


class Cursor:
    """Takes bytes from the front, and notes what they are."""

    def __init__(self, data, at=0, notes=None):
        self.data, self.at, self.notes = data, at, notes

    def note(self, start, text):
        if self.notes is not None:
            self.notes.append((start, self.at, text))

    def left(self):
        return len(self.data) - self.at

    def take(self, count, text=None):
        check(count <= self.left(), f"truncated: {count} bytes of {self.left()}")
        start, self.at = self.at, self.at + count
        if text is not None:
            self.note(start, text)
        return self.data[start : self.at]

    def varint(self):
        value = 0
        for i in range(10):
            byte = self.take(1)[0]
            value |= (byte & 127) << 7 * i
            if byte < 128:
                check(value <= MASK, "a varint of more than 64 bits")
                return value
        raise FormatError("a varint of more than ten bytes")

    def column(self, count, name, meaning=lambda row, value: str(value)):
        if count == 0:
            return []
        start = self.at
        layout = self.take(1)[0]
        check(layout in (0, 1), f"column layout {layout}")
        if layout == 1:
            check(count <= self.left(), "truncated column")
            values = [self.varint() for _ in range(count)]
            self.note(start, f"{name}: {', '.join(meaning(*v) for v in enumerate(values))}")
            return values
        check(count <= 65536 or name in COLUMNS, f"one length for {count} rows")
        value = self.varint()
        self.note(start, f"{name}: {meaning(0, value)}")
        return [value] * count


def checked(part, crc, what):
    check(zlib.crc32(part) == int.from_bytes(crc, "little"), f"CRC-32 of {what}")
    return part


@dataclass
class Stream:
    index: int
    rule: int
    form: int
    offset: int
    factor: int
    width: int
    block: int
    detail: int
    parameter: int
    second: int
    coded: int
    exceptions: int
    predictors: list = field(default_factory=list)
    anchors: list = field(default_factory=list)
    frames: list = field(default_factory=list)
    spans: list = field(default_factory=list)
    # Decoded: integers, and the exception blocks as they are.
    k: list = field(default_factory=list)
    blocks: list = field(default_factory=list)

    def frame_count(self):
        return 0 if self.form == 0 else -(-self.coded // self.block)


def stream_of(index, row, length, is_float):
    kind, offset, factor, width, block, detail, parameter, second, padding, exceptions = row
    rule, form = kind & 15, kind >> 4
    if rule > 5 or form > 5:
        raise Unsupported(f"kind {kind}: install a later h5flac")
    check(rule == 0 or is_float, "a rule of floats for integers")
    check(factor >= 1, "factor")
    check(padding < length, "padding")
    coded = length - padding
    if form == 0:
        check(width == 0 and block == 0, "width or block of a constant")
    else:
        check(4 <= width <= 32 and 1 <= block <= 65535, "width or block")
        check(block >= 16 or block >= coded, "short blocks")
    check(form != 2 or 1 <= detail <= 63, "low bits")
    check(form != 4 or 4 <= detail <= 32, "bits")
    check(form >= 2 or detail == 0, "unused detail")
    if form == 5:
        check(rule == 0 and is_float and unzigzag(offset) == 0 and factor == 1, "fixed point")
    if rule in (1, 3, 4):
        quanta = float_of(parameter)
        check(sys.float_info.min <= quanta < float("inf"), "quanta")
    elif rule == 2:
        check(parameter & 0xFFFFFFFF != 0 and parameter >> 32 <= 22, "decimal quanta")
    else:
        check(parameter == 0, "unused parameter")
    check(np.isfinite(float_of(second)) and (rule == 4 or second == 0), "second parameter")
    check(exceptions <= 1, "exceptions flag")
    offset = unzigzag(offset)
    columns = (width, block, detail, parameter, second)
    return Stream(index, rule, form, offset, factor, *columns, coded, exceptions)


class Chunk:
    """A chunk's head, and what decodes its payload."""

    def __init__(self, data, notes=None):
        self.data, self.seen = data, set()
        prefix = Cursor(data, 0, notes)
        check(prefix.take(4, "magic") == b"\xf1\xach5", "magic")
        version = prefix.take(1, "version")[0]
        if version != 1:
            raise Unsupported(f"version {version}: install a later h5flac")
        code = prefix.take(1, "type code")[0]
        flags = prefix.take(1, "flags")[0]
        if flags > 7:
            raise Unsupported(f"flags {flags}: install a later h5flac")
        check(flags in (0, 1, 2, 4, 6), "flags")
        check(prefix.take(1, "zero")[0] == 0, "zero byte")
        length = int.from_bytes(prefix.take(8, "length of the rest of the head"), "little")
        crc32 = prefix.take(4, "CRC-32 of the head")
        check(length <= len(data) - 20, "truncated head")
        checked(data[:16] + data[20 : 20 + length], crc32, "head")
        self.end = 20 + length
        self.notes = notes
        head = Cursor(data[: self.end], 20, notes)

        self.kind, self.size = "iuf?"[code & 3], 1 << (code >> 2 & 3)
        self.is_big, self.parts = code >> 4 & 1, 1 + (code >> 5 & 1)
        check(code < 64 and self.kind != "?", "type code")
        is_float = self.kind == "f"
        check(self.size > 1 if is_float else self.parts == 1, "type code")
        start = head.at
        self.shape = [head.varint() for _ in range(3)]
        check(0 not in self.shape, "empty chunk")
        head.note(start, "shape: outer {}, length {}, inner {}".format(*self.shape))
        outer, self.length, inner = self.shape
        self.is_raw = flags == 1
        self.raw_size = outer * self.length * inner * self.parts * self.size
        if self.is_raw:
            self.pieces(head)
        else:
            self.seed = 0
            if flags & 2:
                self.seed = int.from_bytes(head.take(4, "dither seed"), "little")
            self.table(head, outer * inner * self.parts, is_float, flags & 4)
        check(head.left() == 0, "bytes after the head")

    def pieces(self, head):
        start = head.at
        self.piece = head.varint()
        head.note(start, "bytes of a piece")
        check(0 < self.piece <= self.raw_size, "piece")
        check(self.piece % (self.size * self.parts) == 0, "piece")
        count = -(-self.raw_size // self.piece)
        self.checks = [head.take(4, "CRC-32 of a piece") for _ in range(count)]

    def table(self, head, count, is_float, is_referenced):
        columns = []

        def meaning(name):
            def of(row, value):
                zigzag = name == "offset" or (name == "detail" and columns[0][row] >> 4 in (3, 5))
                is_code = name in ("parameter", "second") and value
                return f"{value:#x}" if is_code else str(unzigzag(value) if zigzag else value)

            return of

        for name in COLUMNS:
            columns.append(head.column(count, name, meaning(name)))
        self.streams = [
            stream_of(i, row, self.length, is_float)
            for i, row in enumerate(zip(*columns, strict=True))
        ]
        self.references = self.references_of(head) if is_referenced else []
        for stream in self.streams:
            if stream.form == 4:
                check(is_referenced, "a predicted stream without references")
                self.predictors(head, stream)
        for stream in self.streams:
            last = 0
            for _ in range(stream.frame_count() if stream.form in (3, 5) else 0):
                start = head.at
                last = signed(last + unzigzag(head.varint()))
                head.note(start, "anchor")
                stream.anchors.append(last)
        frames = sum(stream.frame_count() for stream in self.streams)
        frames = iter(head.column(frames, "frame lengths"))
        spans = sum(stream.exceptions for stream in self.streams) * -(-self.length // SPAN)
        spans = iter(head.column(spans, "exception block lengths"))
        for stream in self.streams:
            stream.frames = [next(frames) for _ in range(stream.frame_count())]
            if stream.exceptions:
                stream.spans = [next(spans) for _ in range(-(-self.length // SPAN))]

    def references_of(self, head):
        start = head.at
        count = head.varint()
        check(1 <= count <= 4, "number of references")
        references = [head.varint() for _ in range(count)]
        head.note(start, f"references: {', '.join(map(str, references))}")
        check(max(references) < len(self.streams), "a reference that does not exist")
        check(len(set(references)) == count, "a reference twice")
        check(all(self.streams[s].form in (1, 4) for s in references), "form of a reference")
        return references

    def predictors(self, head, stream):
        """Reads the predictors of a stream; it has one for each frame after."""
        start = head.at
        shared = head.varint()
        head.note(start, f"stream {stream.index}, frames of a predictor: {shared or 'all'}")
        usable = len(self.references)
        if stream.index in self.references:
            usable = self.references.index(stream.index)
        frames = stream.frame_count()
        for first in range(0, frames, shared or frames):
            predictor = self.predictor(head, usable, f"stream {stream.index}, predictor")
            stream.predictors += [predictor] * min(shared or frames, frames - first)

    def predictor(self, head, usable, name):
        start = head.at
        count = head.varint()
        check(count <= 4, "number of terms")
        shift = head.varint() if count else 0
        check(shift <= 15, "shift")
        head.note(start, f"{name}: terms {count}, shift {shift}" if count else f"{name}: none")
        terms, least = [], 0
        for _ in range(count):
            start = head.at
            place = head.varint()
            check(least <= place < usable, "reference of a term")
            least = place + 1
            lag = unzigzag(head.varint())
            check(abs(lag) <= 1 << 16, "lag")
            taps = head.varint()
            check(1 <= taps <= 16, "number of coefficients")
            coefficients = [unzigzag(head.varint()) for _ in range(taps)]
            check(max(map(abs, coefficients)) < 1 << 15, "coefficient")
            reference = f"reference {place} (stream {self.references[place]})"
            head.note(start, f"{reference}, lag {lag}: {', '.join(map(str, coefficients))}")
            terms.append((place, lag, coefficients))
        return shift, terms

    def decode(self):
        """The decoded chunk, every checksum verified."""
        payload = Cursor(self.data, self.end, self.notes)
        if self.is_raw:
            raw = payload.take(self.raw_size, "raw samples")
            for i, crc32 in enumerate(self.checks):
                checked(raw[i * self.piece : (i + 1) * self.piece], crc32, f"piece {i}")
        else:
            shape = (self.shape[0], self.length, self.shape[2] * self.parts)
            bits = np.zeros(shape, f"<u{self.size}")
            for stream in self.streams:
                self.integers(stream, payload)
            for index in self.references:
                self.predict(self.streams[index])
            for stream in self.streams:
                if stream.index not in self.references:
                    self.predict(stream)
                o, i = divmod(stream.index, shape[2])
                bits[o, :, i] = self.stream(stream)
            raw = bits.astype(">" + bits.dtype.str[1:] if self.is_big else bits.dtype).tobytes()
        at = payload.at
        checked(self.data[:at], payload.take(4, "CRC-32 of the chunk"), "chunk")
        check(payload.left() == 0, "bytes after the chunk")
        return raw

    def integers(self, stream, payload):
        """Reads a stream's parts; its k are without what others predict."""
        self.seen.add(f"rule {RULES[stream.rule]}")
        self.seen.add(f"form {FORMS[stream.form]}")
        self.seen.add(f"rule {RULES[stream.rule]} in form {FORMS[stream.form]}")
        k = []
        for number, length in enumerate(stream.frames):
            samples = min(stream.block, stream.coded - number * stream.block)
            place = f"stream {stream.index}, frame {number}"
            frame = payload.take(length, place)
            x = flac_frame(frame, samples, stream.width, number, self.seen)
            if stream.form == 2:
                packed = payload.take(-(-samples * stream.detail // 8), f"{place}, low bits")
                checked(packed, payload.take(4, f"{place}, CRC-32 of the low bits"), "low bits")
                low, mask = int.from_bytes(packed, "little"), (1 << stream.detail) - 1
                at = range(0, samples * stream.detail, stream.detail)
                x = [(n << stream.detail) + (low >> i & mask) for n, i in zip(x, at, strict=True)]
            elif stream.form == 3:
                step = unzigzag(stream.detail)
                last = stream.anchors[number] - step
                for i, d in enumerate(x):
                    last += step + d
                    x[i] = last
            elif stream.form == 5:
                packed = payload.take(stream.anchors[number] - 4, f"{place}, places")
                checked(packed, payload.take(4, f"{place}, CRC-32 of the places"), "places")
                x = self.floats(stream, x, packed)
            k += x
        if len(stream.frames) > 1:
            self.seen.add(f"several frames of form {FORMS[stream.form]}")
        if stream.coded < self.length:
            self.seen.add("padding")
        stream.k = k + [0] * (self.length - len(k))
        for span, length in enumerate(stream.spans):
            place = f"stream {stream.index}, exception block {span}"
            stream.blocks.append(payload.take(length, place if length else None))

    def floats(self, stream, multiples, packed):
        """The places in their type of floats behind multiples in fixed point."""
        digits, least, most = LIMITS[self.size]
        exponent, width = unzigzag(stream.detail), stream.width
        check(-1000 <= exponent <= 1000 and exponent >= least, "exponent")
        check(width - 1 <= digits and exponent + width - 1 <= most, "width in fixed point")
        bits, at, floats = int.from_bytes(packed, "little"), 0, []

        def take(count):
            nonlocal at
            at += count
            check(at <= 8 * len(packed), "truncated places")
            return bits >> at - count & (1 << count) - 1

        for multiple in multiples:
            value = np.array(multiple * 2.0**exponent, f"<f{self.size}")
            first = signed(int(value.view(f"<u{self.size}")), 8 * self.size)
            if first < 0:
                first ^= (1 << 8 * self.size - 1) - 1
            inner = multiple if multiple >= 0 else ~multiple
            if inner:
                count = min(digits - inner.bit_length(), exponent - least)
                floats.append(first + take(count))
                self.seen.add("places of floats" if count else "floats that are multiples")
            elif take(1) == 0:
                floats.append(multiple)
                self.seen.add(f"zero behind {multiple}")
            else:
                step = np.array(2.0**exponent, f"<f{self.size}")
                below = int(step.view(f"<u{self.size}"))
                place = take((below - 1).bit_length())
                check(place < below, "a place that no float has")
                floats.append(first + place)
                self.seen.add(f"a small float behind {multiple}")
        check(-(-at // 8) == len(packed), "bytes behind the places")
        return floats

    def predict(self, stream):
        """Adds to a stream's k what its references predict, if they do."""
        if stream.form == 4:
            self.see(stream)
        for i in range(stream.coded if stream.form == 4 else 0):
            shift, terms = stream.predictors[i // stream.block]
            total = (1 << shift) // 2
            for place, lag, coefficients in terms:
                reference = self.streams[self.references[place]].k
                for t, coefficient in enumerate(coefficients):
                    j = i - lag - t
                    total += coefficient * reference[j] if 0 <= j < self.length else 0
            stream.k[i] = signed(stream.k[i] + (total >> shift), 32)
            check(signed(stream.k[i], stream.detail) == stream.k[i], "more bits than declared")

    def see(self, stream):
        """Notes what kinds of predictors a stream has."""
        if stream.index in self.references:
            self.seen.add("a reference that is predicted")
        if any(predictor != stream.predictors[0] for predictor in stream.predictors):
            self.seen.add("predictors of groups of frames")
        for _, terms in stream.predictors:
            self.seen.add(f"{min(len(terms), 2)} terms")
            self.seen |= {f"lag of sign {np.sign(lag)}" for _, lag, _ in terms}

    def stream(self, stream):
        """A stream's samples as bits."""
        n = [signed(stream.offset + stream.factor * value) for value in stream.k]
        bits = self.samples(stream, n)
        for span, block in enumerate(stream.blocks):
            if block:
                self.exceptions(block, span * SPAN, bits)
        return bits

    def samples(self, stream, n):
        if stream.rule in (0, 5):
            return np.array([self.ordered(stream.rule, n) for n in n], f"<u{self.size}")
        kind = f"<f{self.size}"
        n = np.array(n, "<i8").astype("<f8")
        quanta = float_of(stream.parameter)
        with np.errstate(over="ignore"):
            if stream.rule == 1:
                x = (n * quanta).astype(kind)
            elif stream.rule == 2:
                numerator, power = stream.parameter & 0xFFFFFFFF, stream.parameter >> 32
                x = (n * float(numerator) / float(10**power)).astype(kind)
            elif stream.rule == 3:
                x = ((n + self.dither(stream.index)) * quanta).astype(kind)
            else:
                a = n.astype(kind).astype("<f8")
                b = (a * quanta).astype(kind).astype("<f8")
                x = (b + float_of(stream.second)).astype(kind)
        return x.view(f"<u{self.size}")

    def ordered(self, rule, n):
        """The bits of a sample under the rules that know its place in its type."""
        m = n
        if rule == 5:
            m = (n & MASK) >> 1
            m = ~m if n & 1 else m
        bits = 8 * self.size
        if self.kind == "u":
            m += 1 << 63 if bits == 64 else 0
            check(0 <= m < 1 << bits, "a sample outside its type")
            return m
        check(signed(m, bits) == m, "a sample outside its type")
        if self.kind == "f" and m < 0:
            m ^= (1 << (bits - 1)) - 1
        return m & ((1 << bits) - 1)

    def dither(self, index):
        def mix(x):
            x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
            x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
            return x ^ x >> 16

        def halves(x):
            return x & 0xFFFFFFFF, x >> 32

        low, high = halves(index)
        key = mix((mix((mix(self.seed) + low) & 0xFFFFFFFF) + high) & 0xFFFFFFFF)
        out = []
        for i in range(self.length):
            low, high = halves(i)
            bits = mix((low * 0x9E3779B9 + (key ^ mix(high))) & 0xFFFFFFFF)
            out.append(signed(bits, 32) / (1 << 32))
        return np.array(out)

    def exceptions(self, block, first, bits):
        check(len(block) >= 4, "truncated exceptions")
        cursor = Cursor(checked(block[:-4], block[-4:], "exceptions"))
        at, value, end = first, 0, min(self.length, first + SPAN)

        def one():
            return int.from_bytes(cursor.take(self.size), "little")

        while cursor.left():
            start = at + cursor.varint()
            code = cursor.varint()
            count, kind = (code >> 2) + 1, code & 3
            at = start + count
            check(kind < 3, "exceptions of kind 3")
            check(at <= end, "exceptions beyond their block")
            self.seen.add(f"exceptions of kind {kind}")
            if kind == 2:
                for i in range(start, at):
                    bits[i] = value = one()
            else:
                if kind == 1:
                    value = one()
                bits[start:at] = value


def dump(data):
    """Lines of hexadecimal bytes with their meaning."""
    notes = []
    Chunk(data, notes).decode()
    lines = []
    for start, end, text in notes:
        for at in range(start, end, 16):
            part = data[at : min(end, at + 16)].hex(" ")
            lines.append(f"{at:04x}  {part:<47}  {text if at == start else ''}".rstrip())
    return "\n".join(lines)


FENCE = "```annotated\n"


def main(chunk, document=None):
    lines = dump(Path(chunk).read_bytes())
    if document is None:
        print(lines)
        return
    before, rest = Path(document).read_text().split(FENCE)
    after = rest[rest.index("\n```") :]
    Path(document).write_text(before + FENCE + lines + after)


if __name__ == "__main__":
    main(*sys.argv[1:])
