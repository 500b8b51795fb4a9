"""Makes of a module of Go what can be a component: embed.py MODULE OBJECT OUT

Go's linker takes no objects and exports nothing that runs outside of its scheduler, which
asks the host for the time. So OUT has what they would have added to MODULE: the section
that tells its world, from the OBJECT of wit-bindgen, and a function cabi_import_realloc,
which gives the lists that the host returns their places: one after the other from what
the u32 at address 8 says, to what the u32 at 12 does. Go itself uses nothing below 4096.
"""

import pathlib
import sys

CUSTOM, TYPE, IMPORT, FUNCTION, EXPORT, CODE = 0, 1, 2, 3, 7, 10

# (func (param i32 i32 i32 i32) (result i32) (local i32)
#   (local.set 4 (i32.load offset=8 (i32.const 0)))
#   (i32.store offset=8 (i32.const 0) (i32.and (i32.add (i32.add (local.get 4) (local.get 3)) (i32.const 7)) (i32.const -8)))
#   (if (i32.gt_u (i32.load offset=8 (i32.const 0)) (i32.load offset=12 (i32.const 0))) (then unreachable))
#   (local.get 4))
SIGNATURE = b"\x60\x04\x7f\x7f\x7f\x7f\x01\x7f"
BODY = (
    b"\x01\x01\x7f"
    b"\x41\x00\x28\x02\x08\x21\x04"
    b"\x41\x00\x20\x04\x20\x03\x6a\x41\x07\x6a\x41\x78\x71\x36\x02\x08"
    b"\x41\x00\x28\x02\x08\x41\x00\x28\x02\x0c\x4b\x04\x40\x00\x0b"
    b"\x20\x04\x0b"
)


def decoded(data, at):
    """An unsigned LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def encoded(value):
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def sized(data):
    return encoded(len(data)) + data


def sections(data):
    """The sections, as their ids and contents."""
    at = 8
    while at < len(data):
        size, content = decoded(data, at + 1)
        yield data[at], data[content : content + size]
        at = content + size


def count(content):
    return decoded(content, 0)[0]


def world(data):
    found = [content for id, content in sections(data) if id == CUSTOM and content[1:].startswith(b"component-type")]
    if len(found) != 1:
        sys.exit(f"{len(found)} sections component-type, want 1")
    return found[0]


def main(module, object_file, result):
    data = module.read_bytes()
    old = dict(sections(data))  # of custom sections the last, which is not used
    # All imports of Go are functions.
    added = {
        TYPE: SIGNATURE,
        FUNCTION: encoded(count(old[TYPE])),
        EXPORT: sized(b"cabi_import_realloc") + b"\x00" + encoded(count(old[IMPORT]) + count(old[FUNCTION])),
        CODE: sized(BODY),
    }
    out = bytearray(data[:8])
    for id, content in sections(data):
        if id in added:
            n, rest = decoded(content, 0)
            content = encoded(n + 1) + content[rest:] + added[id]
        out += bytes([id]) + sized(content)
    out += bytes([CUSTOM]) + sized(world(object_file.read_bytes()))
    result.write_bytes(out)


main(*map(pathlib.Path, sys.argv[1:]))
