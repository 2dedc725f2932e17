"""Block time and memory against the number of keys, as an SVG that needs nothing to be shown."""

from __future__ import annotations

from math import log10

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 70, 40, 50
SIDES = (("left", "#1b6ca8"), ("right", "#b5482a"))
Series = tuple[str, str]  # name of the figure, what it is in words
OF_STATE: tuple[Series, Series] = (
    ("block_ms", "a block of 200 captures, ms (left)"),
    ("resident_mb", "node resident after its start, MB (right)"),
)
OF_NETWORK: tuple[Series, Series] = (
    ("block_interval_ms_p50", "from block to block, median, ms (left)"),
    ("resident_mb", "node resident under load, MB (right)"),
)


def draw(figures: dict[str, dict[int, float] | float], series: tuple[Series, Series] = OF_STATE) -> str:
    """The picture of two figures by size, each on an axis of its own that begins at zero."""
    body = []
    for place, ((name, words), (side, colour)) in enumerate(zip(series, SIDES, strict=True)):
        values = figures[name]
        assert isinstance(values, dict)
        top = _round_up(max(values.values()))
        points = [(_x(keys, list(values)), _y(value, top), value) for keys, value in values.items()]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y, _ in points)
        body.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, value in points:
            body.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{colour}"/>')
            beside = y + 20 if side == "left" else y - 10  # the two lines may lie upon one another
            body.append(f'<text x="{x:.0f}" y="{beside:.0f}" text-anchor="middle" fill="{colour}">{value:,}</text>')
        at = LEFT if side == "left" else WIDTH - RIGHT
        anchor = "end" if side == "left" else "start"
        shift = -8 if side == "left" else 8
        for share in (0.0, 0.5, 1.0):
            y = _y(top * share, top) + 4
            body.append(
                f'<text x="{at + shift}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{top * share:g}</text>'
            )
        body.append(f'<text x="{LEFT + 330 * place}" y="22" fill="{colour}">{words}</text>')
        if place == 0:
            for keys in values:
                x = _x(keys, list(values))
                body.append(f'<text x="{x:.0f}" y="{HEIGHT - 22}" text-anchor="middle">{keys:,} keys</text>')
    axis = f"M{LEFT},{TOP} V{HEIGHT - BOTTOM} H{WIDTH - RIGHT} V{TOP}"
    body.append(f'<path d="{axis}" fill="none" stroke="#888"/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    return "\n".join([f'{head} font-size="13">', '<rect width="100%" height="100%" fill="#fff"/>', *body, "</svg>\n"])


def _x(keys: int, sizes: list[int]) -> float:
    low, high = log10(min(sizes)), log10(max(sizes))
    share = (log10(keys) - low) / (high - low) if high > low else 0.5
    inset = 40
    return LEFT + inset + share * (WIDTH - LEFT - RIGHT - 2 * inset)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM) * 0.85


def _round_up(value: float) -> float:
    """The least 1, 2 or 5 times a power of ten that is not below."""
    power = 10.0 ** int(log10(max(value, 1)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)
