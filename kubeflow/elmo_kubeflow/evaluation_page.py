"""What the Evaluator measured, as a page."""

from __future__ import annotations

from typing import Any

from elmo_kubeflow.html_page import page, paragraph, table


def evaluation_page(report: dict[str, Any]) -> str:
    """Returns a page of what `pipeline.evaluation_report.read_evaluation` gave.

    Args:
        report: And beside it `blessed`.
    """
    before = report["baseline"] or {}
    verdict = "blessed" if report["blessed"] else "refused"
    return page(
        "Evaluation",
        paragraph(f"The model is {verdict}, on {report['rows']:,} test rows."),
        *(paragraph(reason) for reason in report["failures"]),
        table(
            ("measure", "this model", "last blessed model"),
            [
                (name, value, before.get(name))
                for name, value in report["metrics"].items()
            ],
        ),
        table(
            ("class", "precision", "recall", "F1", "rows"),
            [
                (
                    one["name"],
                    one["precision"],
                    one["recall"],
                    one["f1"],
                    one["support"],
                )
                for one in report["classes"]
            ],
        ),
        table(
            ("length", "accuracy", "AUC", "macro F1", "rows"),
            [
                (name, of["accuracy"], of["auc"], of["macro_f1"], of["rows"])
                for name, of in report["by_length"].items()
            ],
        ),
        *(paragraph(note) for note in report["notes"]),
    )
