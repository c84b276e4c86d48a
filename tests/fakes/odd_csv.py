"""CSV files that readers disagree about, and the rows that Spark makes of them: lines of a file are `a,b` and more."""

from typing import Final

Rows = list[list[str | None]]
ODD_CSV: Final[dict[str, tuple[bytes, Rows]]] = {
    "CR LF": (b'a,b\r\n"x",y\r\nx,"y"\r\n"1","2"\r\n', [["x", "y"], ["x", "y"], ["1", "2"]]),
    "CR LF within quotes": (b'a,b\r\nx,"y\r\nz"\r\n1,2\r\n', [["x", "y\nz"], ["1", "2"]]),
    "CR LF, the last line with LF": (b"a,b\r\nx,y\r\n1,2\n", [["x", "y"], ["1", "2"]]),
    "CR LF after a value with quotes within": (b'a,b\r\nx,"y"z\r\n1,2\r\n', [["x", '"y"z'], ["1", "2"]]),
    "CR within a file of LF": (b"a,b\nx,y\rz\n1,2\n", [["x", "y\rz"], ["1", "2"]]),
    "LF within a file of CR LF": (b"a,b\r\nx,y\nz\r\n1,2\r\n", [["x", "y\nz"], ["1", "2"]]),
    "LF at the beginning of a value in a file of CR LF": (b"a,b\r\nx,\n1,2\r\n", [["x", None], ["1", "2"]]),
    "CR": (b'a,b\rx,"y"\r"x",y\r1,2\r', [["x", "y"], ["x", "y"], ["1", "2"]]),
    "CR CR LF": (b"a,b\r\r\n1,2\r\r\n", [["1", "2"]]),
    "empty values": (b'a,b\n"",x\n,y\nz,""\nw,\n', [[None, "x"], [None, "y"], ["z", None], ["w", None]]),
    "quotes at the beginning": (
        b'a,b\n"x"y,z\nx"y",z\n"x" ,z\n"x" y,z\n "x",z\n',
        [['"x"y', "z"], ['x"y"', "z"], ["x", "z"], ['"x" y', "z"], [' "x"', "z"]],
    ),
    "quotes in quotes": (
        b'a,b\n"x""y",z\n"x""y"q,z\n"",z\n"""",z\n"""x""",z\n""x,z\n',
        [['x"y', "z"], ['"x"y"q', "z"], [None, "z"], ['"', "z"], ['"x"', "z"], ['""x', "z"]],
    ),
    "a quote closed within a value of two lines": (b'a,b\n"x\ny"z,w\n1,2\n', [['"x\ny"z', "w"], ["1", "2"]]),
    "a quote never closed": (b'a,b\n1,"x\n2,3\n', [["1", "x\n2,3\n"]]),
    "no line end at the end": (b"a,b\n1,2\n3,4", [["1", "2"], ["3", "4"]]),
    "an empty value at the end": (b"a,b\n1,2\n3,", [["1", "2"], ["3", None]]),
    "a quoted value at the end": (b'a,b\n1,2\n3,"x"', [["1", "2"], ["3", "x"]]),
    "blank lines": (b"\n\na,b\n1,2\n\n\n3,4\n   \n", [["1", "2"], ["3", "4"]]),
    "too few and too many values": (b"a,b\n1\n1,2,3\n1,2\n", [["1", "2"]]),
    "zero bytes": (b"a,b\n\x00x,1\n\x00\n3,4\n", [["\x00x", "1"], ["3", "4"]]),
    "backslashes": (
        b'a,b\n"x\\",y\nx\\,y\n"a\\"b",c\n"x\\\\",\\\n',
        [["x\\", "y"], ["x\\", "y"], ['"a\\"b"', "c"], ["x\\\\", "\\"]],
    ),
    "blanks around values": (
        b'a,b\n  x  ,  y  \n\tz\t, w\n"  x  ",  "y"  \nx,"y"  \n"x"\t,y\n',
        [["  x  ", "  y  "], ["\tz\t", " w"], ["  x  ", '  "y"  '], ["x", "y"], ["x", "y"]],
    ),
    "a header of two lines": (b'"a\nx",b\n1,2\n', [["1", "2"]]),
    "one column": (b'a\nx\n\n""\n"y\nz"\n" "\n \n', [["x"], [None], ["y\nz"], [" "], [" "]]),
}
