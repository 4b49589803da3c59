"""How the pictures of these notebooks look: one theme, and the colours that cells name."""

import altair as alt

BLUE, SKY, GREEN, AMBER, RED = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00"
GREY, PALE, INK = "#8C9196", "#C9CDD2", "#30343A"
WIDTH = 620


@alt.theme.register("voicelt", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Thin axes, few lines, text that can be read on a small screen."""
    axis = {
        "gridColor": "#E4E6E9",
        "domainColor": GREY,
        "tickColor": GREY,
        "labelColor": INK,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 12,
        "labelOverlap": "greedy",
    }
    title = {
        "anchor": "start",
        "frame": "group",
        "color": INK,
        "fontSize": 13,
        "subtitleColor": "#5B6066",
        "subtitleFontSize": 11,
        "offset": 10,
    }
    return {
        "config": {
            "font": "sans-serif",
            "background": "white",
            "view": {"continuousWidth": WIDTH, "continuousHeight": 220, "stroke": None},
            "axis": axis,
            "axisX": {"grid": False},
            "axisXQuantitative": {"tickCount": 10},
            "axisYQuantitative": {"tickCount": 5},
            "legend": {"orient": "top", "title": None, "labelColor": INK, "labelFontSize": 11},
            "title": title,
            "line": {"strokeWidth": 2},
            "point": {"filled": True},
            "bar": {"binSpacing": 1},
        }
    }


alt.renderers.enable("png", scale_factor=1.5)
