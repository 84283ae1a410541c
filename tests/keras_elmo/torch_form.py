"""Files of torch.save: some that torch 1.12.1 wrote, and the means to write others.

`WRITTEN` was made by torch itself, of these, in both of its layouts:

    state = OrderedDict(a=torch.arange(6.).reshape(2, 3),
                        b=torch.arange(6.).reshape(2, 3).t().double(),
                        c=torch.tensor([1, 2]),
                        d=torch.nn.Parameter(torch.tensor([7.])))
    matrix = numpy.arange(4.).reshape(2, 2).astype("f4")
"""

from __future__ import annotations

import base64
import struct
import zipfile
import zlib

import numpy as np

_PACKED = {
    ("state", "legacy"): (
        "eNp1kktv00AQx+21kxZDS4DyKM/ydkGKEjdNnFN9qHpZnubiC7Ice1UbGW/GXlcCqVIuDYXP"
        "wIEjH4srN65IHBg/qNrKWNodz+zM/zee9Yx80eI/X3d+r737/mq1OyPPfyq474OkOx1JkqYp"
        "F9znsbvH0iziCciY4CzhSRwJETOXJUHkJUAOHQ2D4sOUuVn0kWWg7IOqOy0MZiFPBbQocRT0"
        "okRAm6qOWmjwZBcWqJrnyPQREzNfICXTXqYBS1mwHflCA2ndBll3ZKzwgPiCp37YdXMRxZnm"
        "pmySR3HgCpZkPHX3DA0UXXcWCjBmersM1KpE24m5J95UQQ1azjLmjAcDczgyxj1ztLkxhHbZ"
        "oz/Nsa32CwGLr6lECVXmcIYqVJ6D9jks2jkr4JwNS2VPE1gOERn+w2zzfBKzI8754xxzNB6Z"
        "gx50wkr/QqGvUDKHi1QuMJcq/RUBl224Uur7cPWE/jOc2pH6tWPqZq9vDPt9A1ZRnaD69bL7"
        "A7hB5QO4WSnfEnDbhjulcgBr/5nm1Eu990ywVIO7FTxsnSZtbBpwD0kyku4XJIQ8KLaHFemR"
        "gMc26Iels/4JntjwtLjot8XP1TATuelCSNP3KU2tqKzblpqeX1v1i1WZxdp2artinaybbVW5"
        "Fq4Zrm8WqU/k2p72JemH9RcEeMbK"
    ),
    ("state", "zip"): (
        "eNqVVLtv00AYP9upkxpIQhtoy6O8IaUlzYONIVVUeTkkUiOkqEvqOlYc1Y3zOZfMWRpgg38A"
        "+BcYGfgDGJFYkZhghYWBibuzG3yOUuDk8+fH7/Hdd59dx0oCoVQKTY0sWkCmbzmdob3ZMolZ"
        "6B24ei2NdoUxki3Lc13bIh2v29ce+S3bt1vbHYtogNYMkPINiYqZIFvEo2qF5oB03L7W9O39"
        "QcdtNYnd7Xt+c1jWQMnnG0kK7lOk2bYhEVA03fVM8jh4qMEcFyyC2lBotHoDSGKVQGoHIyxj"
        "ZQzzWMHSGLTnDkvgFIHTBpzhpH1IO9TEORbe9gb7rj1RznBQCbIOVzzLFBUsj2EBS0x4MVDM"
        "EThnwHkOtmBJUHzoddsTvWUOKcMK1ZMJXOAZHsFFLB3BpUDrMoFVA65wYAuuzqhRz/TNQ5vY"
        "vgbXAjsnqEIFrlNticANpk1lb7LTrUD7NoE7BuSf8Zu1p3DXgPVBoY6TqQ+vnV9vKZ/N+swG"
        "SKNFoQE2i3otE9v+3QA6qtLTFj3oHNH5ZovZLL349nKZvmDzJJsN0aak1/Jxm5lD1PpeDS+2"
        "gpAKYzaMOZ7XirT+o8h66C955cS8ynotO5WXFKLlMDL9d59/0q8H8XmS/n1Rv6LXiv+87j/r"
        "/8LXtHf4dZ4aocSJnhlUnXgObb9Pv1m99uC/TSOjojH3j6/aT+SwCnUs8WIc+0ebLTuVUfwP"
        "E2dHeygtMBlObM84N7rPIteJc0txbnQPRS5SYtxynBvdC5G7F+dW4txoJTMC91OEG+5dHavq"
        "Rvh6Vbk3gaqxeBB2qZE4blKV/WfR+7mwlPzZnBpwVI4PsL8BxP86Xw=="
    ),
    ("matrix", "legacy"): (
        "eNo1T81Kw0AQ3mzSVlerrXrx5jGngOBRsCcPLhbJaS8S0s1qI+luZ7MRKhRysT8+gw/gc/g2"
        "PoIg6MTqMHzM7/fN1PSFFV+vl58nD283x1FNrz98xDmQUPQIIVNrnJGmSB6VLXOjwcMB0cVO"
        "kTtXqETpLE810JVgWHSzqUrK/EmV4M8hCEULi+XYWActToWPWa4dtHkggobD6Hvo8KCqUFPq"
        "ajKdRdJYFU2qwuWptemMJVZJo0tnK+kYkM0U09mmCx4nz0BlIk2mZMmUbgIGvvCQfwSBaDc6"
        "qcv1KbQW0I6hs4StGLZD7nHK6QLYH2XWHM9gR1DcuDuD3fVqCd0Y9kK+YTuH/eFwePWN9guc"
        "OOiN1mNf9Mm/vdcXiAP0AfTHKHgQw6GDoxE+eAsk+gHrF29r"
    ),
    ("matrix", "zip"): (
        "eNp1UctOwkAUnZlCqVWeumbhioXWEF2aSFiwcBLSNCFpXEjKtEojtNx2ICFu2Aiy9QP8GP/A"
        "T/BLdPpIAyXezMyZzD3nnpk7OpUKCCkKOogaaiArYGN34VzZFre02cuk162gh71YEebNp7Ol"
        "xvzA0abzCXetILCW6jBwmO+FPJgzrgJKWKpnJ1nAFL0BYUPm2w4LVceLNipIJhbWIyiYssCJ"
        "xV2vDcU1yAaUNqAYcNSimBJK1qCmJW2+nAnlsUmE4ukGTrbvGygbUGnRpNotVPv9/v2viHih"
        "iENttB1LZj177NfqTqwdMTpQHwvDhgGnHM5Gmk5LyqD3WPkR+Wjq/zasis6zhi2cIHR9r9dt"
        "5vqVj2s1Mvj+fB5E1yexAY4gs9g1rx2Y5n8or96tXN1TtjHKX1ensnyRppvSZUYlOXxN8QMn"
        "KHSlCMspAcdnRTnRkJifcP8AHUeBaA=="
    ),
}
WRITTEN = {
    key: zlib.decompress(base64.b64decode(packed)) for key, packed in _PACKED.items()
}
_TYPES = {"f2": "HalfStorage", "f4": "FloatStorage", "f8": "DoubleStorage"}


def write_tensor(path, value, **changes):
    """Writes one tensor in the zip layout; `changes` are of what is said of it."""
    value = np.ascontiguousarray(value)
    write_pickle(path, tensor(value, **changes), value)


def write_views(path, value, count, **changes):
    """Writes so many tensors by their numbers, all of one view into one storage."""
    items = b"".join(_text(str(n)) + tensor(value, **changes) for n in range(count))
    write_pickle(path, b"}(" + items + b"u", value)


def tensor(value, **changes):
    """Returns the opcodes of a tensor; `changes` are of what is said of it."""
    said = {
        "numel": value.size,
        "offset": 0,
        "place": "torch",
        "kind": _TYPES[value.dtype.str[1:]],
        "shape": value.shape,
        "strides": [stride // value.itemsize for stride in value.strides],
        **changes,
    }
    storage = _tuple(
        _text("storage"),
        f"c{said['place']}\n{said['kind']}\n".encode(),
        _text("0"),
        _text("cpu"),
        _int(said["numel"]),
    )
    parts = _tuple(
        storage + b"Q",
        _int(said["offset"]),
        _tuple(*map(_int, said["shape"])),
        _tuple(*map(_int, said["strides"])),
        b"\x89",
        b"ccollections\nOrderedDict\n)R",
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + parts + b"R"


def write_pickle(path, opcodes, value=None, compression=zipfile.ZIP_STORED):
    """Writes a file in the zip layout whose pickle has these opcodes."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + opcodes + b".")
        if value is not None:
            archive.writestr("archive/data/0", value.tobytes())


def _int(number):
    return b"J" + struct.pack("<i", number)


def _text(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _tuple(*items):
    return b"(" + b"".join(items) + b"t"
