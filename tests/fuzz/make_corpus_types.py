#!/usr/bin/env python3
# Samba DFS Replication
# Write the seed corpus of fuzz_types, by a second implementation of the
# packed forms
#
# This program is free software; you can redistribute it and/or modify
# it under the terms of the GNU General Public License as published by
# the Free Software Foundation; either version 3 of the License, or
# (at your option) any later version.
#
# This program is distributed in the hope that it will be useful,
# but WITHOUT ANY WARRANTY; without even the implied warranty of
# MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
# GNU General Public License for more details.
#
# You should have received a copy of the GNU General Public License
# along with this program; if not, see <http://www.gnu.org/licenses/>.

import pathlib
import struct

VV, RECORD, META, STAMP, NAME = (bytes([i]) for i in range(5))
VSN_MAX = 1 << 62
TIME_MAX = 1 << 62


def guid(n):
    return bytes([n]) * 16


def ident(n, vsn):
    return guid(n) + struct.pack("<Q", vsn)


def text(s):
    raw = s.encode() if isinstance(s, str) else s
    return struct.pack("<H", len(raw)) + raw


def blob(raw):
    return struct.pack("<I", len(raw)) + raw


def vv(*entries):
    out = struct.pack("<BI", 1, len(entries))
    for n, tag, ranges in entries:
        out += guid(n) + struct.pack("<QI", tag, len(ranges))
        for low, high in ranges:
            out += struct.pack("<QQ", low, high)
    return out


def record(kind=1, bits=1, flags=0, attributes=0x20, uid=(1, 20),
           gvsn=(2, 30), parent=(9, 1), tag=77, fence=3, clock=1000,
           create_time=900, size=5, content=b"\xcc" * 32, merged=None,
           name="a.txt", lineage=((1, 20), (2, 30))):
    out = struct.pack("<BBBII", 1, kind,
                      bits | (4 if content else 0) | (8 if merged else 0),
                      flags, attributes)
    out += ident(*uid) + ident(*gvsn) + ident(*parent)
    out += struct.pack("<QQQQQ", tag, fence, clock, create_time, size)
    out += b"\xdd" * 32
    out += content or b""
    out += ident(*merged) if merged else b""
    out += text(name) + bytes([len(lineage)])
    return out + b"".join(ident(*e) for e in lineage)


def acl(*entries):
    out = struct.pack("<H", len(entries))
    for tag, perm, number, account in entries:
        out += struct.pack("<HHI", tag, perm, number) + text(account)
    return out


def meta(mode, owner="", group="", mtime=(7, 8), xattrs=(), access=(),
         default=(), symlink=None):
    out = struct.pack("<BIII", 1, mode, 1000, 1001)
    out += text(owner) + text(group) + struct.pack("<qI", *mtime)
    out += struct.pack("<I", len(xattrs))
    for name, value in xattrs:
        out += text(name) + blob(value)
    out += acl(*access) + acl(*default)
    return out + (text(symlink) if symlink else b"")


def stamp(settled):
    return struct.pack("<BQqIQqqIIIIB", 1, 4711, 1700000000, 5, 123,
                       1700000001, 1700000002, 6, 7, 1, 0o100644, settled)


ACL = ((1, 7, 0xffffffff, ""), (2, 6, 1001, "bob"), (4, 5, 0xffffffff, ""),
       (8, 4, 1002, "staff"), (16, 7, 0xffffffff, ""),
       (32, 0, 0xffffffff, ""))

SEEDS = {
    "vv_empty": VV + vv(),
    "vv_one": VV + vv((1, 5, [(9, 9)])),
    "vv_holes": VV + vv((1, 5, [(9, 12), (14, 14), (20, 400)]),
                        (2, 0, [(1, VSN_MAX)]), (255, 9, [(9, 10)])),
    "vv_touching": VV + vv((1, 5, [(9, 12), (13, 14)])),
    "vv_too_many": VV + struct.pack("<BI", 1, 0xffffffff),
    "vv_later": VV + b"\x02" + vv()[1:],
    "record_file": RECORD + record(),
    "record_directory": RECORD + record(kind=2, size=0, content=None,
                                        attributes=0x10, name="dir"),
    "record_symlink": RECORD + record(kind=3, size=8),
    "record_tombstone": RECORD + record(bits=0, flags=0x10),
    "record_conflict": RECORD + record(bits=2),
    "record_alias": RECORD + record(kind=2, bits=2, size=0, content=None,
                                    merged=(3, 40)),
    "record_root": RECORD + record(kind=2, size=0, content=None, uid=(9, 1),
                                   gvsn=(9, 1), parent=(0, 0), name="",
                                   lineage=((9, 1),)),
    "record_limits": RECORD + record(
        uid=(1, VSN_MAX), gvsn=(64, VSN_MAX), clock=TIME_MAX, fence=TIME_MAX,
        create_time=TIME_MAX, size=(1 << 63) - 1, name=b"\xff" * 255,
        lineage=tuple((i + 1, VSN_MAX) for i in range(64))),
    "record_late_clock": RECORD + record(clock=TIME_MAX + 1),
    "record_zero_hash": RECORD + record(content=bytes(32)),
    "record_private": RECORD + record(name=".DFSRPRIVATE"),
    "record_foreign_lineage": RECORD + record(lineage=((1, 20),)),
    "meta_file": META + meta(0o100644),
    "meta_full": META + meta(
        0o102770, "DOM\\alice", "users", (-1, 999999999),
        (("security.NTACL", b"\x04\x00" * 60), ("user.DOSATTRIB", b""),
         ("user.DosStream.x:$DATA", b"stream\0")), ACL),
    "meta_directory": META + meta(0o40755, access=ACL, default=ACL),
    "meta_symlink": META + meta(0o120777, symlink="../elsewhere"),
    "meta_unsorted": META + meta(0o100644, xattrs=(("user.b", b""),
                                                   ("user.a", b""))),
    "meta_device": META + meta(0o60644),
    "stamp": STAMP + stamp(1),
    "stamp_unsettled": STAMP + stamp(0),
    "stamp_neither": STAMP + stamp(2),
    "name_ascii": NAME + text("Report.docx"),
    "name_mixed": NAME + text("Stra\u00dfe \u0131 \u0250 \u0434 \U00010428"),
    "name_broken": NAME + text(b"a\xc3\xe2\x82\xf0\x90\xed\xa0\x80z"),
    "name_private": NAME + text("a/../.dfsrPRIVATE/x"),
}


def main():
    folder = pathlib.Path(__file__).resolve().parent / "corpus" / "types"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
