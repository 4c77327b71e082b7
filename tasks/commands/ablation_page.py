"""An ablation as people read it: Markdown tables and one plot."""

from __future__ import annotations

import io
from typing import Any

TITLES = {
    "1": "Table 1: what the parts of the model bring",
    "3": "Table 3: pairs of a minibatch",
    "4": "Table 4: neighbors pooled over (T)",
}


def markdown(results: dict[str, Any]) -> str:
    """Tables of mean and standard deviation over seeds."""
    metrics = list(results["tables"][next(iter(results["tables"]))][0]["mean"])
    lines = [
        f"Models for {results['day']}; {results['num_queries']:,} held-out pairs, each ranked among all "
        f"{results['pool_size']:,} items; mean ± standard deviation over seeds.",
    ]
    for table, rows in results["tables"].items():
        lines += ["", f"**{TITLES[table]}**", "", f"| method | {' | '.join(metrics)} | seeds | training, s |"]
        lines += ["|---" * (len(metrics) + 3) + "|"]
        if table == "1" and results["content"]:
            cells = " | ".join(f"{results['content'][metric]:.4f}" for metric in metrics)
            lines.append(f"| content cosine | {cells} | - | - |")
        for row in rows:
            cells = " | ".join(f"{row['mean'][metric]:.4f} ± {row['std'][metric]:.4f}" for metric in metrics)
            seconds = "-" if row["training_seconds"] is None else f"{row['training_seconds']:.0f}"
            lines.append(f"| {row['name']} | {cells} | {len(row['seeds'])} | {seconds} |")
    return "\n".join(lines) + "\n"


def plot(results: dict[str, Any], metric: str = "hit_rate@500") -> str:
    """Bars of one metric, a panel for each table, as SVG."""
    import altair

    panels = []
    for table, rows in results["tables"].items():
        values = [
            {
                "method": row["name"],
                metric: row["mean"][metric],
                "low": row["mean"][metric] - row["std"][metric],
                "high": row["mean"][metric] + row["std"][metric],
            }
            for row in rows
        ]
        if table == "1" and results["content"]:
            content = results["content"][metric]
            values.insert(0, {"method": "content cosine", metric: content, "low": content, "high": content})
        base = altair.Chart(altair.Data(values=values), title=TITLES[table], width=420)
        method = altair.Y("method:N", sort=None, title=None)
        bars = base.mark_bar().encode(y=method, x=altair.X(f"{metric}:Q", title=metric))
        spread = base.mark_rule(color="black").encode(y=method, x="low:Q", x2="high:Q")
        panels.append(bars + spread)
    written = io.StringIO()
    altair.vconcat(*panels).save(written, format="svg")
    return written.getvalue()
