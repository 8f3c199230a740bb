"""Colours and layout of the views, in light and dark, for JupyterLab, VS Code, Sphinx-like sites and the browser."""

from __future__ import annotations

__all__ = ["DARK", "LIGHT", "STYLE"]

LIGHT = {
    "page": "#ffffff",
    "text": "#1f2328",
    "muted": "#59636e",
    "line": "#d1d9e0",
    "inset": "#f6f8fa",
    "bar": "#4a7bd0",
    "good": "#116329",
    "good-page": "#dafbe1",
    "bad": "#a40e26",
    "bad-page": "#ffebe9",
    "warning": "#7d4e00",
    "warning-page": "#fff8c5",
    "neutral": "#424a53",
    "neutral-page": "#eaeef2",
}
"""Name -> colour; a tone is written on its own page."""

DARK = {
    "page": "#16191f",
    "text": "#e6edf3",
    "muted": "#9ea7b3",
    "line": "#3d444d",
    "inset": "#21262d",
    "bar": "#6ea0f5",
    "good": "#7ee787",
    "good-page": "#12351f",
    "bad": "#ffb3ad",
    "bad-page": "#4c1519",
    "warning": "#f0c95b",
    "warning-page": "#3d2e00",
    "neutral": "#c9d1d9",
    "neutral-page": "#30363d",
}
"""The same names in the dark."""


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--wml-{name}:{colour};" for name, colour in colours.items())


# A page that says its theme is believed; else the system's is taken. Custom properties are older than light-dark().
_THEMES = (
    f".wml-view{{{_variables(LIGHT)}color-scheme:light}}"
    f"@media (prefers-color-scheme:dark){{.wml-view{{{_variables(DARK)}color-scheme:dark}}}}"
    "[data-jp-theme-light=true] .wml-view,body.vscode-light .wml-view,[data-theme=light] .wml-view,"
    f"[data-md-color-scheme=default] .wml-view{{{_variables(LIGHT)}color-scheme:light}}"
    "[data-jp-theme-light=false] .wml-view,body.vscode-dark .wml-view,[data-theme=dark] .wml-view,"
    f"[data-md-color-scheme=slate] .wml-view{{{_variables(DARK)}color-scheme:dark}}"
)

_LAYOUT = """
.wml-view{background:var(--wml-page);color:var(--wml-text);border:1px solid var(--wml-line);border-radius:8px;
padding:12px 16px;margin:2px;max-width:960px;box-sizing:border-box;font:13px/1.5 system-ui,sans-serif;overflow-x:auto}
.wml-view .wml-head{display:flex;flex-wrap:wrap;gap:8px;align-items:baseline;margin-bottom:8px}
.wml-view .wml-kind{color:var(--wml-muted)}
.wml-view .wml-title{font-size:16px;font-weight:600;overflow-wrap:anywhere}
.wml-view .wml-badge{border-radius:9px;padding:1px 9px;font-size:12px;font-weight:600;white-space:nowrap}
.wml-view dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0 0 8px}
.wml-view dt{color:var(--wml-muted);font-weight:400;text-align:left;float:none;width:auto;margin:0;
white-space:nowrap}
.wml-view dd{margin:0;overflow-wrap:anywhere}
.wml-view table{width:auto;border-collapse:collapse;border:0;margin:8px 0;font-size:13px;background:none;color:inherit;
font-variant-numeric:tabular-nums}
.wml-view caption,.wml-view summary,.wml-view .wml-caption{color:var(--wml-muted);text-align:left;padding:2px 0;
caption-side:top;font-size:12px;font-style:normal}
.wml-view tbody tr,.wml-view tbody tr:nth-child(odd),.wml-view tbody tr:hover{background:none;color:inherit}
.wml-view th,.wml-view td{text-align:left;vertical-align:top;padding:4px 14px 4px 0;border:0;
border-bottom:1px solid var(--wml-line);white-space:nowrap;max-width:420px;color:inherit}
.wml-view .wml-long{white-space:pre-line;overflow-wrap:break-word}
.wml-view .wml-number{text-align:right}
.wml-view thead th{font-weight:600;white-space:nowrap}
.wml-view tbody th{font-weight:400}
.wml-view pre{background:var(--wml-inset);color:var(--wml-text);border-radius:6px;padding:8px 12px;margin:4px 0;
white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;font:12px/1.5 ui-monospace,monospace}
.wml-view pre.wml-copy{user-select:all;-webkit-user-select:all}
.wml-view details{display:block;margin:0;padding:0;border:0;background:none;box-shadow:none;color:inherit;
font-size:inherit}
.wml-view summary{cursor:pointer;display:list-item;list-style:disclosure-closed inside;margin:0;min-height:0;border:0;
background:none;font-weight:400}
.wml-view details[open]>summary{list-style-type:disclosure-open}
.wml-view summary::before,.wml-view summary::after{content:none;display:none}
.wml-view p{margin:4px 0;color:inherit}
.wml-view .wml-bar{display:inline-block;width:70px;height:8px;border-radius:4px;margin-right:8px;
background:var(--wml-neutral-page);overflow:hidden;vertical-align:baseline}
.wml-view .wml-bar i{display:block;height:100%;background:var(--wml-bar)}
.wml-view .wml-strip{display:flex;gap:2px;margin:4px 0 8px;padding:0;list-style:none}
.wml-view .wml-strip li{background:var(--wml-neutral-page);color:var(--wml-neutral);border-top:4px solid var(--wml-bar);
border-radius:3px;padding:2px 8px;min-width:max-content;margin:0}
.wml-view .wml-strip b{margin-right:6px}
""".replace("\n", "")

_TONES = "".join(
    f".wml-view .wml-{tone}{{color:var(--wml-{tone});background:var(--wml-{tone}-page)}}"
    for tone in ("good", "bad", "warning", "neutral")
)

# Twice the class, for notebooks style tables and lists by rules of nearly the same weight.
_RULES = f"{_LAYOUT}{_TONES}".replace(".wml-view ", ".wml-view.wml-view ")
STYLE = f"{_THEMES}{_RULES}"
"""The whole sheet; every rule is about a ``.wml-view`` alone."""
