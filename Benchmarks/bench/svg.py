"""The few shapes of the chart, as SVG text. Colours are classes, so that one picture suits light and dark pages."""

from xml.sax.saxutils import escape

STYLE = """\
  :root { color-scheme: light dark; }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #1f2733; }
  .paper { fill: #ffffff; }
  .title { font-size: 22px; font-weight: 650; }
  .heading { font-size: 15px; font-weight: 650; }
  .quiet { fill: #667085; font-size: 12px; }
  .strong { font-weight: 650; }
  .end { text-anchor: end; }
  .middle { text-anchor: middle; }
  .track { fill: #f0f2f5; }
  .rule { stroke: #98a2b3; stroke-dasharray: 3 3; }
  .cut { stroke: #ffffff; stroke-width: 2; fill: none; }
  .nginx { fill: #8593a8; }
  .proxy { fill: #2f6fed; }
  .redis { fill: #d9485f; }
  .node { fill: #d9952b; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9ef; }
    .paper { fill: #12161d; }
    .quiet { fill: #98a2b3; }
    .track { fill: #1e2530; }
    .rule { stroke: #667085; }
    .cut { stroke: #12161d; }
    .nginx { fill: #77869c; }
    .proxy { fill: #5b93ff; }
    .redis { fill: #f0687d; }
    .node { fill: #e8ad4e; }
  }"""


class Picture:
    """Shapes are added from top to bottom; `y` is where the next belongs."""

    def __init__(self, width):
        self.width = width
        self.y = 0
        self.shapes = []

    def text(self, x, y, content, style=""):
        self.shapes.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(content)}</text>')

    def bar(self, x, y, width, height, style, hint=""):
        title = f"<title>{escape(hint)}</title>" if hint else ""
        self.shapes.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" rx="2" '
                           f'class="{style}">{title}</rect>')

    def rule(self, x, top, bottom):
        self.shapes.append(f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" class="rule"/>')

    def cut(self, x, y, height):
        """Two slanted gaps in a bar that is longer than there is room for."""
        for shift in (0, 5):
            self.shapes.append(f'<path d="M{x + shift:.1f} {y + height + 1:.1f} l5 {-height - 2}" class="cut"/>')

    def source(self, title):
        height = round(self.y)
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height}" width="{self.width}" '
            f'height="{height}" role="img" aria-label="{escape(title)}">',
            f"<title>{escape(title)}</title>", f"<style>\n{STYLE}\n</style>",
            f'<rect class="paper" width="{self.width}" height="{height}" rx="8"/>', *self.shapes, "</svg>", ""])
