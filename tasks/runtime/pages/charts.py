"""Charts of one look, as SVG that reads on light and on dark paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert

OURS, OTHERS, INK, INTERVAL = "#d4552a", "#8b95a5", "#7a8699", "#566072"
WIDTH, HEIGHT = 460, 190

Row = dict[str, Any]


def bars(rows: Sequence[Row], x: str, y: str, title: str, color: str) -> str:
    """Upright bars in the order of ``rows``; their heights grow by factors."""
    # With given ticks, "~s" would take the largest one's prefix for all: 0k for 10.
    axis = alt.Axis(values=[10**power for power in range(10)], format=",d")
    return _svg(
        alt.Chart(alt.Data(values=list(rows)), width=WIDTH, height=HEIGHT)
        .mark_bar(color=color)
        .encode(
            x=alt.X(f"{x}:N", sort=None, title=title, axis=_FLAT),
            y=alt.Y(f"{y}:Q", title=None, scale=alt.Scale(type="symlog"), axis=axis),
        )
    )


def stacked(rows: Sequence[Row], x: str, y: str, kind: str, title: str) -> str:
    """Upright bars of two kinds on each other; the second kind in sight of alphabetical order is ours."""
    kinds = sorted({row[kind] for row in rows})
    colors = alt.Scale(domain=kinds, range=[OTHERS, OURS][: len(kinds)])
    return _svg(
        alt.Chart(alt.Data(values=list(rows)), width=WIDTH, height=HEIGHT)
        .mark_bar()
        .encode(
            x=alt.X(f"{x}:N", sort=None, title=title, axis=_FLAT),
            y=alt.Y(f"{y}:Q", title=None, axis=alt.Axis(tickCount=5, format=",d")),
            color=alt.Color(f"{kind}:N", scale=colors, legend=_LEGEND),
        )
    )


def ranked(rows: Sequence[Row], name: str, value: str, ours: str, title: str) -> str:
    """Lying bars with intervals (``low``, ``high``), best first; ``ours`` stands out."""
    base = alt.Chart(alt.Data(values=list(rows)), width=WIDTH - 90, height=24 * len(rows))
    y = alt.Y(f"{name}:N", sort=alt.EncodingSortField(value, order="descending"), title=None)
    color = alt.condition(f"datum.{name} == '{ours}'", alt.value(OURS), alt.value(OTHERS))
    x = alt.X(f"{value}:Q", title=title, axis=alt.Axis(tickCount=5))
    drawn = base.mark_bar(height=14).encode(x=x, y=y, color=color)
    ticks = base.mark_rule(color=INTERVAL, strokeWidth=2).encode(x="low:Q", x2="high:Q", y=y)
    return _svg(drawn + ticks)


def lines(rows: Sequence[Row], x: str, y: str, title: str, *, kind: str | None = None, points: bool = False) -> str:
    """Lines, one of each ``kind``; without it, one."""
    color: Any = alt.value(OURS)
    if kind is not None:
        kinds = sorted({row[kind] for row in rows}, key=lambda each: (not each.lower().startswith("pinsage"), each))
        color = alt.Color(f"{kind}:N", scale=alt.Scale(domain=kinds, range=_PALETTE[: len(kinds)]), legend=_LEGEND)
    numeric = all(isinstance(row[x], int | float) for row in rows)
    return _svg(
        alt.Chart(alt.Data(values=list(rows)), width=WIDTH, height=HEIGHT)
        .mark_line(point=points)
        .encode(
            x=alt.X(f"{x}:{'Q' if numeric else 'N'}", title=title, axis=_FLAT),
            y=alt.Y(f"{y}:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
            color=color,
        )
    )


def scatter(rows: Sequence[Row], x: str, y: str, kind: str, title: str) -> str:
    """Points over a logarithmic axis."""
    return _svg(
        alt.Chart(alt.Data(values=list(rows)), width=WIDTH, height=HEIGHT)
        .mark_point(filled=True, size=60, opacity=0.9)
        .encode(
            x=alt.X(f"{x}:Q", title=title, scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=5, format="~g")),
            y=alt.Y(f"{y}:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
            color=alt.Color(f"{kind}:N", scale=alt.Scale(range=[OURS, OTHERS]), legend=_LEGEND),
        )
    )


_FLAT = alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=4)
_LEGEND = alt.Legend(orient="top", title=None, labelColor=INK, columns=4)
# Ours first; as many as methods may be compared.
_PALETTE = [OURS, OTHERS, "#3f7cac", "#6a994e", "#a06cd5", "#b08968", "#c9a227", "#2a9d8f", "#b5658f", "#5c4d7d"]


def _svg(chart: Any) -> str:
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": "normal"}
    looks = (
        # Labels are measured here and drawn there, in a font that may be wider: room on the left.
        chart.configure(
            background="transparent", font="sans-serif", padding={"left": 20, "right": 8, "top": 4, "bottom": 6}
        )
        .configure_axis(gridColor="#8883", domainColor="#8886", tickColor="#8886", **text)
        .configure_view(stroke=None)
        .configure_legend(labelFontSize=13)
    )
    svg: str = vl_convert.vegalite_to_svg(looks.to_json())
    return svg
