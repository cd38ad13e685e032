"""Views inside networks and graphs: activations, HTML pages, plots, drawings."""

from . import activations, graph_svg, plots, text_html

__all__ = ["activations", "graph_svg", "plots", "text_html"]
