"""In which encoding a file is, and what becomes of what cannot be decoded."""

from __future__ import annotations

import gzip
import io
import os
import random
from pathlib import Path
from typing import Any

import pytest

from components.text_example_gen.options import ReadOptions
from components.text_example_gen.reading import documents, encodings
from components.text_example_gen.reading.encodings import guess_encoding
from components.text_example_gen.reading.read_file import read_file

SAMPLES = {
    "french": ("Le café où l’on mange était très agréable, à côté.", "cp1252"),
    "german": ("Die Größe der Straße über dem Fluß ist schön.", "cp1252"),
    "finnish": ("Hyvää päivää, tämä on erittäin hyvä elokuva.", "cp1252"),
    "icelandic": ("Það er gaman að vera á Íslandi með þér í dag.", "cp1252"),
    "danish": ("Jeg så den på søndag og hørte æbler falde.", "cp1252"),
    "pounds": ("WINNER!! You won £100", "cp1252"),
    "degrees": ("50°C", "cp1252"),
    "polish": ("Zażółć gęślą jaźń. Bardzo dobry film, polecam.", "cp1250"),
    "polish, two words": ("gęś, zły film", "cp1250"),
    "polish iso": ("Zażółć gęślą jaźń, świetny", "iso8859_2"),
    "polish, with more ASCII": ("Dobry film, polecam go każdemu; jaźń\nzły", "cp1250"),
    "romanian": ("Îl recomand tuturor. A fost plictisitor şi prea lung", "cp1250"),
    "czech": ("Film byl velmi dobrý, ale příliš žluťoučký kůň.", "cp1250"),
    "czech, few letters": ("skvělý film a příběh, výborný, příběh", "cp1250"),
    "hungarian": ("Árvíztűrő tükörfúrógép. Nagyon jó film volt.", "cp1250"),
    "turkish": ("Çok güzeldi, ışık şahane. Türkçe değil mi? İyi günler.", "cp1254"),
    "russian": ("Очень хороший фильм, всем советую посмотреть.", "cp1251"),
    "russian koi8": ("Очень хороший фильм, всем советую.", "koi8_r"),
    "russian dos": ("Очень хороший фильм, всем советую.", "cp866"),
    "russian, a word": ("плохо", "koi8_r"),
    "russian, loud": ("ОЧЕНЬ ПЛОХО", "cp1251"),
    "ukrainian": ("Дуже гарний фільм, усім раджу подивитися його.", "cp1251"),
    "bulgarian dos": ("Много добър филм, препоръчвам го на всички.", "cp866"),
    "hebrew": ("סרט טוב מאוד, ממליץ לכולם לראות", "cp1255"),
    "lithuanian": ("Labai geras filmas, rekomenduoju žiūrėti, ačiū.", "cp1257"),
    "latvian": ("Ļoti laba filma, iesaku noskatīties, šķiet.", "cp1257"),
    "french mac": ("Le café où l’on mange était génial ! Ça va", "mac_roman"),
    "german mac": ("schöne Grüße", "mac_roman"),
    "english mac": ("It’s “great” – really…", "mac_roman"),
    "danish mac": ("Jeg så den på søndag og hørte æbler falde.", "mac_roman"),
    "spanish dos": ("La película es buena, ¡qué emoción! El año", "cp850"),
    "italian dos": ("È così, perché la città è più bella.", "cp850"),
    "greek iso": ("Άριστο προϊόν, το συνιστώ. Άλλη φορά όχι", "iso8859_7"),
    "greek, a capital": ("Άριστο προϊόν, το συνιστώ", "cp1253"),
    "spanish degrees": ("Precalentar a 180 ºC y añadir; 45ºC", "cp1252"),
    "cents": ("50¢each, x²y and p¶q", "cp1252"),
    "noise": ("win å£100 now\nI‰Ûªm here\nDon‰Û÷t\nok å£1.50 pm", "cp1252"),
    "greek": ("Πολύ καλή ταινία, τη συνιστώ σε όλους.", "cp1253"),
    "japanese": ("とても良い映画でした。カタカナも。", "cp932"),
    "japanese with blanks": ("とても 面白い 映画 でした また 見たい", "cp932"),
    "japanese euc": ("とても良い映画でした。カタカナも。", "euc_jp"),
    "chinese big5": ("這是一部很好的電影，推薦給大家", "big5"),
    "thai": ("หนังดีมาก หนังแย่", "cp874"),
    "chinese": ("非常好的电影,推荐给大家。一点也不喜欢。", "gb18030"),
    # Half of these bytes are UTF-8 by chance, and no word has three characters.
    "chinese, cut into words": (
        "的 很 的 很 was 十分 不 的 很\n的 电影 很 这家\n" * 9,
        "gb18030",
    ),
    "chinese, one word in English": (
        "好吃 的 was 很 good 感人 的 really\n" * 20,
        "gb18030",
    ),
    "taiwanese, cut into words": ("這 個 的 很 good 為 了 not 說 們 過\n" * 9, "big5"),
    "korean": ("아주 좋은 영화였습니다. 모두에게 추천합니다.", "cp949"),
}


def read(path: Path, data: bytes, **options: Any) -> tuple[list[Any], str]:
    """(text, label, was replaced) of each row, or its reason; and the layout."""
    path.write_bytes(data)
    layouts: list[Any] = []
    items = [
        item["reason"]
        if "reason" in item
        else (*item["columns"].values(), item["replaced_utf8"])
        for item in read_file(
            str(path), ReadOptions(**options), on_layout=layouts.append
        )
    ]
    return items, "; ".join(map(str, layouts))


@pytest.mark.parametrize("language", SAMPLES)
def test_a_line_tells_its_legacy_encoding(language):
    text, encoding = SAMPLES[language]
    data = text.encode(encoding)
    for lines in ([data], [data] * 30):
        assert data.decode(guess_encoding(lines)) == text


@pytest.mark.parametrize("language", SAMPLES)
def test_a_file_tells_its_legacy_encoding(tmp_path, language):
    text, encoding = SAMPLES[language]
    row = text.replace(",", " ").replace("\n", " ")
    data = f"text,label\n{row},pos\nplain,neg\n".encode(encoding)
    items, _ = read(tmp_path / "a.csv", data)
    assert items == [(row, "pos", False), ("plain", "neg", False)]


@pytest.mark.parametrize("text", ["très à", "più è", "ÉTÉ À PARIS", "dès là-bas être"])
def test_few_accents_are_of_western_languages(text):
    assert guess_encoding([text.encode("cp1252")]) == "cp1252"


@pytest.mark.parametrize("encoding", ["iso2022_jp", "iso2022_kr"])
def test_escape_sequences_tell_an_encoding_of_seven_bits(tmp_path, encoding):
    text = "映画 は 良い" if encoding == "iso2022_jp" else "아주 좋은 영화"
    data = f"text,label\nplain,neg\n{text},pos\n".encode(encoding)
    items, layout = read(tmp_path / "a.csv", data)
    assert items == [("plain", "neg", False), (text, "pos", False)]
    assert encoding in layout
    items, layout = read(tmp_path / "b.csv", b"text,label\n\x1b[1mbold,pos\n")
    assert "UTF-8" in layout


@pytest.mark.parametrize("share", [8, 60])
def test_rows_in_utf8_among_others_are_both_read(tmp_path, share):
    """As where exports of two programs are put one behind another."""
    texts = [f"Le scénario était décevant à l’été {n}" for n in range(300)]
    lines = [
        f"{text},é\n".encode("utf-8" if n % share == 0 else "cp1252")
        for n, text in enumerate(texts)
    ]
    items, layout = read(tmp_path / "a.csv", b"text,label\n" + b"".join(lines))
    assert items == [(text, "é", False) for text in texts]
    assert layout == "csv, cp1252 and UTF-8, `,`, header"


def test_texts_of_a_folder_share_an_encoding(tmp_path):
    texts = ["skvělý film", "příběh je nudný", "výborný", "ž", "í", "á", "plain", "š č"]
    folder = tmp_path / "dobrý"
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_bytes(text.encode("cp1250"))
    os.mkfifo(folder / "9.txt")
    for number, text in enumerate(texts):
        [item] = read_file(
            str(folder / f"{number}.txt"), ReadOptions(), in_class_folder="dobrý"
        )
        assert item["columns"]["text"] == text


def test_cut_texts_are_damaged_utf8_and_in_no_other_encoding(tmp_path):
    for text in ("né au café", "文字很好", "Очень хороший фильм"):
        cut = text.encode()[:-1]
        items, _ = read(tmp_path / "a.csv", b"text,label\n" + (cut + b",pos\n") * 40)
        assert {replaced for *_, replaced in items} == {True}


def test_stray_bytes_that_cp1252_lacks_do_not_change_the_language():
    lines = ["déjà vu à l’été".encode("cp1252")] * 20
    assert guess_encoding([*lines, b"\x81\x8d"]) == "cp1252"


def test_one_accent_behind_300_rows_of_ascii_makes_a_file_cp1252(tmp_path):
    last = "le café’s,nég\n".encode("cp1252")
    data = b"text,label\n" + b"plain,pos\n" * 299 + last
    items, layout = read(tmp_path / "a.csv", data)
    assert items[-1] == ("le café’s", "nég", False)
    assert layout == "csv, cp1252, `,`, header"
    later = b"text,label\n" + b"plain,pos\n" * 9_999 + "café,é\n".encode("cp1252")
    for name, packed in (("a.csv", later), ("a.csv.gz", gzip.compress(later))):
        assert read(tmp_path / name, packed)[0][-1] == ("café", "é", False)


def test_a_few_broken_bytes_in_much_utf8_stay_broken_and_are_counted(tmp_path):
    data = "text,label\nà la carte,né\n🙂,pos\n".encode() + b"caf\xe9,pos\n"
    items, layout = read(tmp_path / "a.csv", data)
    assert items == [
        ("à la carte", "né", False),
        ("🙂", "pos", False),
        ("caf\ufffd", "pos", True),
    ]
    assert layout == "csv, UTF-8, `,`, header"


def test_what_comes_behind_the_bound_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(encodings, "SURVEY_BYTES", 10)
    monkeypatch.setattr(encodings, "_CHUNK_BYTES", 10)
    data = b"text,label\n" + b"plain,pos\n" * 9_999 + b"caf\xe9,pos\n"
    items, layout = read(tmp_path / "a.csv", data)
    assert items[-1] == ("caf\ufffd", "pos", True)
    assert layout == "csv, UTF-8, `,`, header"


@pytest.mark.parametrize("size", range(1, 12))
def test_characters_over_the_edge_of_a_piece_are_whole(tmp_path, monkeypatch, size):
    monkeypatch.setattr(encodings, "_CHUNK_BYTES", size)
    monkeypatch.setattr("components.text_example_gen.reading.read_file.HEAD_BYTES", 20)
    data = "text,label\né–🙂é–🙂é–🙂,ö\n".encode()
    items, layout = read(tmp_path / "a.csv", data)
    assert items == [("é–🙂é–🙂é–🙂", "ö", False)]
    assert "UTF-8" in layout


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'text,label\n"a\nb\u4e00",né\nc,d\n'),
        ("a.txt", 'text\tlabel\n"a\nb\u4e00"\tné\nc\td\n'),  # Excel: Unicode text
        ("a.jsonl", '{"text":"a\\nb\u4e00","label":"né"}\n{"text":"c","label":"d"}\n'),
    ],
)
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding, name, text):
    rows = [("a\nb\u4e00", "né", False), ("c", "d", False)]
    items, layout = read(tmp_path / name, text.encode(encoding))
    assert items == rows
    assert encoding.upper().removesuffix("-SIG") in layout
    # The mark is stronger than the option.
    assert read(tmp_path / name, text.encode(encoding), encoding="cp1252")[0] == rows


def test_utf16_of_the_other_order_and_cut_off_is_read(tmp_path):
    data = b"\xfe\xff" + "text,label\ncafé,pos\nb,neg\nx,y".encode("utf-16-be")
    assert read(tmp_path / "a.csv", data)[0] == [
        ("café", "pos", False),
        ("b", "neg", False),
        ("x", "y", False),
    ]
    assert read(tmp_path / "a.csv", data[:-1])[0][-1] == ("x", "\ufffd", True)
    half = data.replace(b"\x00\xe9", b"\xd8\x00")  # of a pair
    assert read(tmp_path / "a.csv", half)[0][0] == ("caf\ufffd", "pos", True)


def test_the_option_is_taken_where_there_is_no_mark(tmp_path):
    data = "text,label\nтекст,да\n".encode("cp866")
    items, layout = read(tmp_path / "a.csv", data, encoding="IBM866")
    assert items == [("текст", "да", False)]
    assert layout == "csv, cp866, `,`, header"
    data = b"text,label\nit\x92s\x81,a\n"
    items, layout = read(tmp_path / "a.csv", data, encoding="latin1")
    assert items == [("it’s\ufffd", "a", True)]
    assert layout == "csv, cp1252, `,`, header"
    plain = "text,label\na,b\n".encode("utf-16-le")
    items, _ = read(tmp_path / "a.csv", plain, encoding="utf-16-le")
    assert items == [("a", "b", False)]
    items, _ = read(tmp_path / "a.csv", "text,label\né,b\n".encode(), encoding="ascii")
    assert items == [("Ã©", "b", False)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_an_encoding_of_two_orders_needs_its_mark(tmp_path, encoding, name):
    path = tmp_path / name
    path.write_bytes('{"text": "a", "label": "b"}\n'.encode(f"{encoding}-le"))
    form = "folder" if name == "a.txt" else "auto"
    (item,) = read_file(str(path), ReadOptions(encoding=encoding, format=form))
    assert item["reason"] == "not_text"
    assert item["detail"] == (
        f"{path} has no byte order mark, and without one {encoding} has two orders\n"
        f"hint: `encoding={encoding}-le`, or {encoding}-be"
    )


WORDS = {
    "cp932": "とても 面白い 映画 でした また 見たい 料理が おいしくて 残念 ながら",
    "euc_jp": "とても 面白い 映画 でした また 見たい 料理が おいしくて 残念 ながら",
    "iso2022_jp": "とても 面白い 映画 でした また 見たい 料理が おいしくて 残念 ながら",
    "gb18030": "这家 餐厅 的 菜 非常 好吃 电影 很 感人 演员 十分 出色 房间 干净 整洁",
    "big5": "這家 餐廳 的 菜 非常 好吃 電影 很 感人 演員 十分 出色 房間 乾淨 整潔",
    "cp949": "영화가 정말 재미있었어요 다시 보고 싶어요 배송이 너무 느려서",
}
ODD = {
    "cut": lambda encoding: "映画 料理".encode(encoding, "ignore")[:-1],
    "of no encoding": lambda _: b"x \x81\x8d",
    "cp1252": lambda _: "schön größer".encode("cp1252"),
    "UTF-8": lambda _: "schöne 日本".encode(),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize(("encoding", "words"), WORDS.items(), ids=WORDS)
def test_one_odd_value_costs_no_other_in_east_asian_texts(
    tmp_path, encoding, words, odd
):
    draw = random.Random(1)
    texts = [
        "".join(draw.choices(words.split(), k=draw.randrange(3, 9))) + str(number)
        for number in range(300)
    ]
    lines = [text.encode(encoding) + b",a" for text in texts]
    lines.insert(100, odd(encoding))
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n".join([b"text,label", *lines]))
    items = list(read_file(str(path), ReadOptions(label_column=None)))
    del items[100]
    assert [item["columns"]["text"] for item in items] == texts


@pytest.mark.parametrize(
    "odd",
    [
        b"\x1b$B$3$s$K$A",  # Japanese that was cut before it ends
        b"\x1b(J",
        b"\x1b(I",
        bytes.fromhex("9ef3aa9cd3e0b998f3ba9c96f9c0cd85d5e2beeea7f291f9c1e8919fe29ec4"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_one_odd_value_costs_no_other_in_ascii(tmp_path, name, odd):
    texts = [b"text number %d~" % number for number in range(200)]
    texts[100] = b"odd " + odd
    form = b'{"text": "%s"}' if name == "a.jsonl" else b"%s"
    header = [] if name == "a.jsonl" else [b"text"]
    path = tmp_path / name
    path.write_bytes(b"\n".join([*header, *(form % text for text in texts)]))
    items = list(read_file(str(path), ReadOptions(label_column=None)))
    assert len(items) == len(texts)
    del items[100], texts[100]
    assert [item["columns"]["text"].encode() for item in items] == texts


def test_a_long_line_with_escapes_is_decoded_piece_by_piece():
    line = "とても".encode("iso2022_jp") * 2**17
    stream = io.BytesIO(line + b"\nplain\n")
    text = encodings.open_text(stream, "iso2022_jp", newline="\n")
    assert text.read(3) == "とても"
    assert len(stream.getvalue()) - stream.tell() > len(line) // 2
    assert text.read().endswith("とても\nplain\n")


def test_an_escape_sequence_that_is_none_costs_its_row(tmp_path):
    path = tmp_path / "a.csv"
    row = "とても,a\n".encode("iso2022_jp_ext")
    path.write_bytes(b"text,label\n" + row * 30_000 + b"\x1b" + b"(" * 9)
    first, *_, last = read_file(str(path), ReadOptions())
    assert first["columns"] == {"text": "とても", "label": "a"}
    assert last["reason"] == "too_few_fields"


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_documents_and_json_lines_are_decoded_too(tmp_path, name):
    (tmp_path / "né").mkdir()
    path = tmp_path / "né" / name
    for encoding in ("cp1252", "utf-16", "utf-8"):
        items, layout = read(path, "Déjà vu.".encode(encoding), format="folder")
        assert items == [("Déjà vu.", "né", False)]
        assert layout.lower() == f"folder, {encoding}"
    line = '{"text": "déjà vu", "label": "né"}\n'
    items, _ = read(tmp_path / "a.jsonl", line.encode("cp1252"))
    assert items == [("déjà vu", "né", False)]


def test_a_label_that_is_a_folder_of_unknown_encoding_is_marked(tmp_path):
    folder = bytes(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    path = Path(os.fsdecode(folder)) / "1.txt"
    items, _ = read(path, b"Good.", format="folder")
    assert items == [("Good.", "caf\ufffd", True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "shift_jis"])
def test_of_a_text_that_is_too_long_the_beginning_is_decoded(monkeypatch, encoding):
    monkeypatch.setattr(encodings, "_CHUNK_BYTES", 3)
    text = "aé" * 10 if encoding != "shift_jis" else "あい" * 10
    data = text.encode(encoding)
    assert encodings.decode_up_to(data, encoding, 1000) == text
    begun = encodings.decode_up_to(data, encoding, 7)
    assert 7 < len(begun) < 12 and text.startswith(begun)
    assert encodings.decode_up_to(b"", encoding, 7) == ""


def test_a_document_that_is_too_long_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MAX_RECORD_CHARS", 100)
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "1.txt"
    options = ReadOptions(format="folder")
    path.write_text("a" * 100)
    [record] = read_file(str(path), options)
    assert record["columns"] == {"text": "a" * 100, "label": "a"}
    path.write_bytes(b"a" * 101 + b"\xff")
    [reject] = read_file(str(path), options)
    assert reject["reason"] == "too_long"
