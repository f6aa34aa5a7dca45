"""Turns a terminal's screen into an SVG: `tmux capture-pane -e -p | python3 screen.py > screen.svg`.

Knows the colours and styles of SGR sequences. Every run of letters gets its place and its width, so the columns stand
whatever font the reader has.
"""

import html
import re
import sys
import unicodedata

CELL, LINE, SIZE, MARGIN = 8.43, 20, 14, 14
TEXT, BACK = "#e0e2ea", "#14161b"
SIXTEEN = """14161b ffc0b9 b3f6c0 fce094 a6dbff ffcaff 8cf8f7 eef1f8
4f5258 ffc0b9 b3f6c0 fce094 a6dbff ffcaff 8cf8f7 ffffff""".split()


def color_of_256(n):
    if n < 16:
        return "#" + SIXTEEN[n]
    if n > 231:
        return "#" + f"{8 + (n - 232) * 10:02x}" * 3
    n -= 16
    return "#" + "".join(f"{55 + 40 * v if v else 0:02x}" for v in (n // 36, n // 6 % 6, n % 6))


def apply(style, codes):
    """The style after the codes of one SGR sequence."""
    codes = [int(c or 0) for c in re.split("[;:]", codes)]
    style = dict(style)
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = {}
        elif code in (1, 2, 3, 4, 7):
            style[code] = True
        elif code in (22, 23, 24, 27):
            for off in {22: (1, 2), 23: (3,), 24: (4,), 27: (7,)}[code]:
                style.pop(off, None)
        elif code in (38, 48, 58) and codes:
            if codes.pop(0) == 2:
                color, codes = "#%02x%02x%02x" % tuple(codes[:3]), codes[3:]
            else:
                color = color_of_256(codes.pop(0))
            style[code] = color
        elif code in (39, 49):
            style.pop(code - 1, None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style[38] = "#" + SIXTEEN[code % 10 + (8 if code >= 90 else 0)]
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style[48] = "#" + SIXTEEN[code % 10 + (8 if code >= 100 else 0)]
    return style


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def runs(line, style):
    """Pieces of one style with the column each starts at, and the style the next line starts with."""
    found, column = [], 0
    for piece in re.split("(\x1b\\[[0-9;:]*m)", line):
        if piece.startswith("\x1b"):
            style = apply(style, piece[2:-1])
        elif piece:
            found.append((column, piece, style))
            column += width(piece)
    return found, style


def drawn(y, column, text, style):
    fore, back = style.get(38, TEXT), style.get(48, BACK)
    if style.get(7):
        fore, back = back, fore
    x, length = MARGIN + column * CELL, width(text) * CELL
    out = ""
    if back != BACK:
        out += f'<rect x="{x:.1f}" y="{y - 15}" width="{length:.1f}" height="{LINE}" fill="{back}"/>'
    bare = text.lstrip()
    x += width(text[: len(text) - len(bare)]) * CELL
    bare = bare.rstrip()
    if not bare:
        return out
    extra = ' font-weight="bold"' * bool(style.get(1)) + ' font-style="italic"' * bool(style.get(3))
    extra += ' opacity="0.6"' * bool(style.get(2)) + ' text-decoration="underline"' * bool(style.get(4))
    place = f'x="{x:.1f}" y="{y}" textLength="{width(bare) * CELL:.1f}"'
    return out + f'<text {place} fill="{fore}"{extra}>{html.escape(bare).replace(" ", "&#160;")}</text>'


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    body, style, columns = [], {}, 0
    for row, line in enumerate(lines):
        pieces, style = runs(line, style)
        columns = max([columns] + [column + width(text) for column, text, _ in pieces])
        body += [drawn(MARGIN + 15 + row * LINE, *piece) for piece in pieces]
    size = (round(2 * MARGIN + columns * CELL), 2 * MARGIN + len(lines) * LINE)
    print('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d"' % (size + size))
    print(f'  font-family="ui-monospace, \'DejaVu Sans Mono\', Menlo, Consolas, monospace" font-size="{SIZE}"')
    print('  xml:space="preserve">')
    print(f'<rect width="100%" height="100%" rx="8" fill="{BACK}"/>')
    print("\n".join(line for line in body if line))
    print("</svg>")


main()
