"""The book takes its names from book/thesis.yml, and its pages lead to their notebooks on Colab."""

from __future__ import annotations

from pathlib import Path

from sphinx.errors import ConfigError

NOTEBOOKS = {
    "method": "method",
    "experiment": "experiment",
    "analysis": "analysis",
    "attention-maps": "analysis",
    "appendix-attention": "blocks",
    "appendix-networks": "blocks",
}


def take(app, config):
    from thesis_book.settings import read

    try:
        given = read(Path(app.srcdir) / "thesis.yml")
    except Exception as error:
        raise ConfigError(str(error)) from None
    config.project = config.html_title = given["title"]
    config.author, config.copyright = given["author"], f"{given['date'][:4]} {given['author']}"
    config.myst_substitutions = given


def add_button(app, pagename, templatename, context, doctree):
    from thesis_book.settings import colab

    repository = app.config.myst_substitutions["repository"]
    if repository and pagename in NOTEBOOKS:
        context["header_buttons"].append(
            {
                "type": "link",
                "url": colab(repository, NOTEBOOKS[pagename]),
                "text": "Colab",
                "icon": "fas fa-rocket",
                "tooltip": "Colab에서 노트북 열기",
                "label": "colab",
            }
        )


def setup(app):
    app.connect("config-inited", take, priority=400)  # before MyST reads its settings
    app.connect("html-page-context", add_button, priority=600)  # after the theme has made its buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}
