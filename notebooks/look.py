"""How the pictures of these notebooks look: one theme, and the colours that cells name."""

import altair as alt

BLUE, SKY, GREEN, AMBER, RED, GREY = (
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#8C9196",
)
WIDTH = 620

# The parts of a turn, in their order, and the colour of each.
STAGES = {
    "speech": "#C9CDD2",
    "endpointing and ASR": AMBER,
    "LLM": GREEN,
    "TTS": BLUE,
    "audio": SKY,
}


@alt.theme.register("voicelt", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Thin axes, few lines, text that can be read on a small screen."""
    ink, faint = "#30343A", "#E4E6E9"
    return {
        "config": {
            "font": "sans-serif",
            "background": "white",
            "view": {"continuousWidth": WIDTH, "continuousHeight": 220, "stroke": None},
            "axis": {
                "gridColor": faint,
                "domainColor": GREY,
                "tickColor": GREY,
                "labelColor": ink,
                "titleColor": ink,
                "titleFontWeight": "normal",
                "labelFontSize": 11,
                "titleFontSize": 12,
            },
            "axisX": {"grid": False},
            "legend": {"orient": "top", "title": None, "labelColor": ink, "labelFontSize": 11},
            "title": {"anchor": "start", "color": ink, "fontSize": 13, "fontWeight": "bold"},
            "text": {"color": ink, "fontSize": 11},
            "line": {"strokeWidth": 2},
            "point": {"filled": True},
        }
    }


alt.renderers.enable("png", scale_factor=1.5)
