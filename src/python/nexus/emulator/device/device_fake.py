"""A disk and an interrupt line that keep what a device did to them."""


class Disk:
    def __init__(self) -> None:
        self.data = bytearray(range(256)) * 16
        self.flushes = 0

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data

    def flush(self) -> None:
        self.flushes += 1


class Irq:
    level = False

    def __call__(self, level: bool) -> None:
        self.level = level
