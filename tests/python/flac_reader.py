"""Reads mono FLAC frames (RFC 9639), slowly and with nothing of h5flac's."""


class FormatError(Exception):
    """Bytes that are no valid chunk."""


def check(condition, message):
    if not condition:
        raise FormatError(message)


def signed(n, bits=64):
    n &= (1 << bits) - 1
    return n - (1 << bits) if n >> (bits - 1) else n


def unzigzag(z):
    return z >> 1 if z % 2 == 0 else -(z >> 1) - 1


def crc(data, bits, polynomial):
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value <<= 1
            if value >> bits:
                value ^= 1 << bits | polynomial
    return value


class Bits:
    def __init__(self, data):
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def take(self, count):
        check(self.at + count <= len(self.text), "truncated frame")
        self.at += count
        return int(self.text[self.at - count : self.at] or "0", 2)

    def signed(self, count):
        return signed(self.take(count), count) if count else 0

    def unary(self):
        one = self.text.find("1", self.at)
        check(one >= 0, "truncated frame")
        zeros, self.at = one - self.at, one + 1
        return zeros


FIXED = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]]
WIDTHS = [None, 8, 12, -1, 16, 20, 24, 32]


def flac_frame(data, samples, width, number, seen):
    """The samples of one mono frame."""
    bits = Bits(data)
    check(bits.take(16) == 0xFFF8, "sync code")
    size, rate = bits.take(4), bits.take(4)
    check(bits.take(4) == 0, "channels")
    check(WIDTHS[bits.take(3)] in (None, width), "bits per sample")
    check(bits.take(1) == 0, "reserved bit")
    lead = bits.take(8)
    ones = 8 - (lead ^ 0xFF).bit_length()
    check(ones == 0 or 2 <= ones <= 7, "frame number")
    found = lead & 0x7F >> ones if ones else lead
    for _ in range(1, ones):
        byte = bits.take(8)
        check(byte >> 6 == 2, "frame number")
        found = found << 6 | byte & 63
    check(found == number, f"frame number {found} for {number}")
    check(size != 0, "block size")
    if size == 6:
        found = bits.take(8) + 1
    elif size == 7:
        found = bits.take(16) + 1
    else:
        found = 192 if size == 1 else 144 << size if size < 6 else 1 << size
    check(found == samples, f"block of {found} samples for {samples}")
    check(rate != 15, "sample rate")
    bits.take({12: 8, 13: 16, 14: 16}.get(rate, 0))
    end = bits.at // 8
    check(crc(data[:end], 8, 0x07) == bits.take(8), "CRC-8")
    out = subframe(bits, samples, width, seen)
    check(bits.take(-bits.at % 8) == 0, "padding bits")
    end = bits.at // 8
    check(end + 2 == len(data), f"frame of {end + 2} bytes for {len(data)}")
    check(crc(data[:end], 16, 0x8005) == bits.take(16), "CRC-16")
    return out


def subframe(bits, samples, width, seen):
    check(bits.take(1) == 0, "subframe's first bit")
    kind = bits.take(6)
    wasted = 0
    if bits.take(1):
        wasted = bits.unary() + 1
        check(wasted < width, "wasted bits")
        seen.add("wasted bits")
        width -= wasted
    if kind == 0:
        seen.add("constant subframe")
        out = [bits.signed(width)] * samples
    elif kind == 1:
        seen.add("verbatim subframe")
        out = [bits.signed(width) for _ in range(samples)]
    else:
        check(8 <= kind <= 12 or kind >= 32, f"subframe type {kind}")
        order = kind - 8 if kind < 32 else kind - 31
        check(order <= samples, "predictor's order")
        out = [bits.signed(width) for _ in range(order)]
        if kind < 32:
            seen.add("fixed subframe")
            coefficients, shift = FIXED[order], 0
        else:
            seen.add("linear subframe")
            precision = bits.take(4) + 1
            check(precision < 16, "coefficient precision")
            shift = bits.signed(5)
            check(shift >= 0, "negative shift")
            coefficients = [bits.signed(precision) for _ in range(order)]
        for r in residual(bits, samples, order, seen):
            x = r + (sum(q * out[-1 - j] for j, q in enumerate(coefficients)) >> shift)
            check(signed(x, width) == x, "sample beyond its bits")
            out.append(x)
    return [x << wasted for x in out]


def residual(bits, samples, order, seen):
    method = bits.take(2)
    check(method < 2, "residual method")
    parameter_bits = 4 + method
    partitions = 1 << bits.take(4)
    size = samples // partitions
    check(size * partitions == samples and size >= order, "partitions")
    seen.add(f"Rice method {method}")
    out = []
    for i in range(partitions):
        count = size - (order if i == 0 else 0)
        parameter = bits.take(parameter_bits)
        if parameter == (1 << parameter_bits) - 1:
            seen.add("escaped partition")
            width = bits.take(5)
            out += [bits.signed(width) for _ in range(count)]
        else:
            for _ in range(count):
                high = bits.unary()
                out.append(unzigzag(high << parameter | bits.take(parameter)))
                check(abs(out[-1]) < 1 << 31, "residual beyond its bits")
    return out
