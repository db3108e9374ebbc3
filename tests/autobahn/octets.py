"""Python 2's byte strings under Python 3, for the suite's cases.

The cases were written for Python 2, where text and bytes are one type. They stay as they are: they keep
bytes in a `str`, one character for each byte, as ISO 8859-1 numbers them. Where they meet the WebSocket
library, which wants bytes, fuzzing_client.py translates by what is here.
"""

import codecs


def to_bytes(octets):
    return octets.encode("iso-8859-1") if isinstance(octets, str) else octets


def to_text(octets):
    return octets.decode("iso-8859-1") if isinstance(octets, bytes) else octets


def b2a_hex(octets):
    """`binascii.b2a_hex` as Python 2 has it: the cases describe themselves with it.

    >>> b2a_hex("\\x00\\xff"), b2a_hex(b"\\x00\\xff")
    ('00ff', '00ff')
    """
    return to_bytes(octets).hex()


class Utf8Validator:
    """Validates UTF-8 piece by piece, with the interface of autobahn's and at the speed of C.

    >>> validator = Utf8Validator()
    >>> validator.validate("\\xce")[:2], validator.validate("\\xba")[:2], validator.validate("\\xff")[:2]
    ((True, False), (True, True), (False, False))
    """

    def __init__(self):
        self.reset()

    def reset(self):
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.total = 0

    def validate(self, octets):
        """Whether all is valid so far; whether it ends with a character; the index here, and overall."""
        octets = to_bytes(octets)
        try:
            self.decoder.decode(octets)
        except UnicodeDecodeError as error:
            # The index counts what an earlier piece left over.
            return False, False, error.start, self.total + error.start
        self.total += len(octets)
        rest, _ = self.decoder.getstate()
        return True, not rest, len(octets), self.total


class XorMasker:
    """Masks a payload piece by piece, with the interface of autobahn's and at the speed of C.

    >>> masker = XorMasker(b"\\x01\\x02\\x04\\x08")
    >>> masker.process(b"\\x00\\x00\\x00"), masker.process(b"\\xf0\\x00\\x00"), masker.pointer()
    (b'\\x01\\x02\\x04', b'\\xf8\\x01\\x02', 6)
    """

    def __init__(self, mask, _length=None):
        self.mask = mask
        self.masked = 0

    def pointer(self):
        return self.masked

    def process(self, octets):
        start = self.masked % 4
        key = (self.mask[start:] + self.mask[:start]) * (len(octets) // 4 + 1)
        self.masked += len(octets)
        number = int.from_bytes(octets, "big") ^ int.from_bytes(key[: len(octets)], "big")
        return number.to_bytes(len(octets), "big")
