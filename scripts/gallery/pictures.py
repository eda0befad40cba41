"""The pictures that `make run` shows: drawn at the start, in every format that Debian's tools write."""

import io
import math
import random
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from harness.images import heif


@dataclass(frozen=True)
class Picture:
    name: str
    title: str
    content_type: str
    body: bytes
    width: int
    height: int


def encode(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


def sky(size, top, middle, bottom):
    return ImageOps.colorize(Image.linear_gradient("L").resize(size, Image.BICUBIC), top, bottom, middle)


def glow(picture, centre, radius, colour):
    """A disc of light with a soft edge."""
    light = Image.new("RGB", picture.size)
    x, y = centre
    for share, strength in ((3.2, 0.25), (1.8, 0.45), (1.0, 1.0)):
        reach = radius * share
        ImageDraw.Draw(light).ellipse((x - reach, y - reach, x + reach, y + reach),
                                      fill=tuple(int(part * strength) for part in colour))
        light = light.filter(ImageFilter.GaussianBlur(reach / 4))
    return ImageChops.screen(picture, light)


def ridge(width, base, height, roughness, chance):
    """A line of hills: some sines whose phases chance decides."""
    waves = [(chance.uniform(0.6, 1.4) * height / 2 ** octave, 2 ** octave * roughness, chance.uniform(0, 7))
             for octave in range(6)]
    return [(x, base - sum(reach * math.sin(x / width * rate * 6.3 + phase) for reach, rate, phase in waves))
            for x in range(0, width + 4, 4)]


def hills(size, seed, colours, haze, sun):
    chance = random.Random(seed)
    width, height = size
    picture = glow(sky(size, *colours), (width * sun[0], height * sun[1]), height * 0.06, (255, 236, 200))
    layers = 6
    for layer in range(layers):
        share = layer / (layers - 1)
        colour = tuple(int(far * (1 - share) + near * share) for far, near in zip(haze, (14, 20, 34)))
        base = height * (0.55 + 0.4 * share)
        line = ridge(width, base, height * (0.05 + 0.03 * share), 0.7 + share, chance)
        ImageDraw.Draw(picture).polygon([*line, (width, height), (0, height)], fill=colour)
    return picture


def fractal(size, extent, dark, middle, light):
    field = Image.effect_mandelbrot(size, extent, 96)
    return ImageOps.colorize(ImageOps.equalize(field), dark, light, middle)


def bubbles(size, seed, colours, transparent=False):
    chance = random.Random(seed)
    width, height = size
    picture = Image.new("RGBA", size, (0, 0, 0, 0)) if transparent else sky(size, *colours).convert("RGBA")
    for _ in range(60):
        layer = Image.new("RGBA", size, (0, 0, 0, 0))
        radius = chance.uniform(0.02, 0.16) * height
        x, y = chance.uniform(0, width), chance.uniform(0, height)
        colour = tuple(chance.randrange(120, 256) for _ in range(3))
        ImageDraw.Draw(layer).ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*colour, 96),
                                      outline=(255, 255, 255, 170), width=2)
        picture = Image.alpha_composite(picture, layer)
    return picture


def clouds(size, chance):
    """Noise over noise, the coarsest strongest."""
    field = Image.new("L", size, 128)
    for cells in (96, 40, 16, 8, 4):
        grid = Image.new("L", (cells * 3 // 2, cells))
        grid.putdata([chance.randrange(256) for _ in range(grid.width * grid.height)])
        field = Image.blend(field, grid.resize(size, Image.BICUBIC), 0.45)
    return ImageOps.autocontrast(field)


def nebula(size, seed):
    """Clouds and stars with a grain that PNG cannot compress."""
    chance = random.Random(seed)
    red = ImageOps.colorize(clouds(size, chance), "#020108", "#ff9e6d", "#5a1846", midpoint=150)
    blue = ImageOps.colorize(clouds(size, chance), "#01020a", "#7cc6fe", "#12264f", midpoint=160)
    picture = ImageChops.screen(red, blue)
    pen = ImageDraw.Draw(picture)
    for _ in range(1200):
        x, y, reach = chance.randrange(size[0]), chance.randrange(size[1]), chance.choice((0, 0, 0, 1, 2))
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(255, 255, chance.randrange(200, 256)))
    grain = Image.merge("RGB", [Image.effect_noise(size, 14) for _ in range(3)])
    return ImageChops.overlay(picture, grain)


def clockwork(size, frames):
    """The frames of an animation: dots that go round."""
    width, height = size
    for frame in range(frames):
        picture = sky(size, "#16213e", "#0f3460", "#533483")
        pen = ImageDraw.Draw(picture)
        for ring in range(1, 6):
            for dot in range(ring * 4):
                angle = 2 * math.pi * (dot / (ring * 4) + frame / frames * (1 if ring % 2 else -1) / (ring * 4) * 4)
                x = width / 2 + math.cos(angle) * ring * height / 12
                y = height / 2 + math.sin(angle) * ring * height / 12
                pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(255, 255 - ring * 34, 90 + ring * 30))
        yield picture


SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="800" height="500" viewBox="0 0 800 500">
<defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="#0b3d5c"/><stop offset="1" stop-color="#f4a259"/></linearGradient>
</defs><rect width="800" height="500" fill="url(#s)"/><circle cx="560" cy="300" r="70" fill="#ffe8a3"/>
<path d="M0 420Q120 300 240 400T480 380T800 410V500H0Z" fill="#5b3758"/>
<path d="M0 450Q160 380 320 445T640 440T800 450V500H0Z" fill="#2d1e3e"/>
<g fill="none" stroke="#fff" stroke-opacity=".7" stroke-width="4"><path d="M150 120q15-18 30 0q15-18 30 0"/>
<path d="M250 170q12-14 24 0q12-14 24 0"/></g></svg>
"""


def draw(folder):
    """Every picture, in the order of the gallery. `folder` is for what the tools need on disk."""
    def made(name, title, content_type, picture, **options):
        return Picture(name, title, content_type, encode(picture, **options), *picture.size)

    frames = list(clockwork((320, 240), 24))
    avif = heif(folder, "avif", fractal((1024, 768), (-0.755, 0.08, -0.735, 0.095), "#03071e", "#9d0208", "#ffba08"))
    return [
        made("dusk.jpg", "Hills at dusk", "image/jpeg",
             hills((1600, 1000), 11, ("#1b2a4a", "#c06c84", "#f8b195"), (196, 128, 140), (0.68, 0.5)),
             format="JPEG", quality=88, progressive=True),
        made("mandelbrot.png", "The whole set", "image/png",
             fractal((1200, 800), (-2.2, -1.1, 1.1, 1.1), "#001219", "#0a9396", "#fefae0"), format="PNG", optimize=True),
        made("bubbles.webp", "Bubbles", "image/webp", bubbles((900, 600), 5, ("#03045e", "#0077b6", "#90e0ef")),
             format="WEBP", quality=82),
        Picture("seahorses.avif", "Seahorse valley", "image/avif", avif.read_bytes(), 1024, 768),
        made("clockwork.gif", "Clockwork, 24 frames", "image/gif", frames[0], format="GIF", save_all=True,
             append_images=frames[1:], duration=60, loop=0),
        Picture("evening.svg", "An evening in vectors", "image/svg+xml", SVG.encode(), 800, 500),
        made("morning.jpg", "Morning haze", "image/jpeg",
             hills((800, 1100), 29, ("#5fa8d3", "#cae9ff", "#fff3d6"), (160, 190, 205), (0.3, 0.3)),
             format="JPEG", quality=85),
        made("spiral.webp", "A spiral, lossless", "image/webp",
             fractal((640, 480), (-0.7463, 0.1102, -0.7453, 0.1110), "#10002b", "#7b2cbf", "#e0aaff"),
             format="WEBP", lossless=True),
        made("night.bmp", "Night, uncompressed", "image/bmp",
             hills((400, 300), 3, ("#03040a", "#10153a", "#3c2a5e"), (60, 52, 92), (0.2, 0.2)), format="BMP"),
        made("badge.png", "A badge with alpha", "image/png", bubbles((256, 256), 8, None, transparent=True), format="PNG"),
        made("icon.ico", "An icon", "image/x-icon", bubbles((64, 64), 2, None, transparent=True), format="ICO", sizes=[(64, 64)]),
        made("nebula.png", "A nebula, too large to cache", "image/png", nebula((2000, 1333), 77), format="PNG"),
    ]
