#!/bin/sh
# Makes every file of images/ anew. README.md names the Debian packages that it takes.
set -eu
out=${1:-$(cd "$(dirname "$0")" && pwd)/images}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
cd "$work"

# A gradient with a smooth second axis: small in every codec, and not one colour.
source_image() { convert -size "$1" gradient:tomato-navy -strip "PNG24:$2"; }
source_image 37x23 37x23.png
source_image 41x29 41x29.png
source_image 53x31 53x31.png
source_image 600x17 600x17.png
source_image 130x70 130x70.png

# PNG
convert 37x23.png -strip "$out/truecolor.png"
convert 41x29.png -strip -colors 8 -interlace PNG "PNG8:$out/interlaced-palette.png"

# JPEG
convert 37x23.png -strip -quality 60 -interlace none "JPEG:$out/baseline.jpg"
convert 41x29.png -strip -quality 60 -interlace JPEG "JPEG:$out/progressive.jpg"
convert 53x31.png -strip -quality 60 -interlace none -set comment 'a comment segment' "JPEG:rotated.jpg"
exiftool -q -n -Orientation=6 -o "$out/exif-rotated.jpg" rotated.jpg
convert 37x23.png -strip -colorspace Gray -quality 60 "JPEG:$out/gray.jpg"

# GIF
convert 37x23.png -strip -colors 8 "GIF87:$out/still.gif"
convert -delay 10 41x29.png \( 41x29.png -negate \) -strip -colors 8 -loop 0 "GIF:$out/animated.gif"

# WebP: VP8, VP8L, VP8X
cwebp -quiet -q 50 37x23.png -o "$out/lossy.webp"
cwebp -quiet -lossless 41x29.png -o "$out/lossless.webp"
gif2webp -quiet "$out/animated.gif" -o "$out/animated.webp"

# AVIF
avifenc --min 40 --max 50 -s 9 -j 1 37x23.png "$out/still.avif" >/dev/null
source_image 128x96 tile.png
avifenc --min 50 --max 60 -s 9 -j 1 --grid 2x1 tile.png tile.png "$out/grid.avif" >/dev/null
avifenc --min 50 --max 60 -s 9 -j 1 --fps 5 41x29.png 41x29.png "$out/sequence.avif" >/dev/null

# HEIC (libheif pads what HEVC cannot store and crops it with clap)
heif-enc -q 30 37x23.png -o "$out/odd.heic" >/dev/null
heif-enc -q 30 130x70.png -o "$out/even.heic" >/dev/null

# BMP
convert 37x23.png -strip -colors 8 "BMP3:$out/info.bmp"
convert 41x29.png -strip -colors 2 "BMP2:$out/core.bmp"
/usr/bin/python3 - "$out/info.bmp" "$out/top-down.bmp" <<'PY'
import struct, sys
_, info, down = sys.argv
data = bytearray(open(info, "rb").read())
height = struct.unpack_from("<i", data, 22)[0]
struct.pack_into("<i", data, 22, -height)
open(down, "wb").write(data)
PY

# ICO: one entry; three entries, the largest last and a PNG of 256 (stored as 0)
convert 37x23.png -strip -colors 8 "ICO:$out/one.ico"
source_image 256x256 256x256.png
/usr/bin/python3 - "$out/several.ico" 256x256.png <<'PY'
import sys
from PIL import Image
_, out, source = sys.argv
Image.open(source).save(out, sizes=[(16, 16), (48, 48), (256, 256)])
PY

# TIFF
convert 37x23.png -strip -compress LZW -endian LSB "TIFF:$out/little-endian.tiff"
convert 41x29.png -strip -compress LZW -endian MSB "TIFF:$out/big-endian.tiff"
convert 53x31.png \( 37x23.png \) -strip -compress LZW pages.tiff
tiffcp -c lzw -L pages.tiff "$out/two-pages.tiff"
tiffcp -c lzw -8 "$out/little-endian.tiff" "$out/big.tiff"
tiffcp -c lzw -8 -B "$out/big-endian.tiff" "$out/big-msb.tiff"

# JPEG XL: bare codestream, container, a size header with a ratio, and with a width of its own
cjxl --quiet -e 3 37x23.png "$out/bare.jxl" 2>/dev/null
cjxl --quiet -e 3 --container=1 41x29.png "$out/container.jxl" 2>/dev/null
source_image 64x64 64x64.png
cjxl --quiet -e 3 64x64.png "$out/square.jxl" 2>/dev/null
source_image 600x300 600x300.png
cjxl --quiet -e 3 -d 8 600x300.png "$out/ratio.jxl" 2>/dev/null
cjxl --quiet -e 3 "$out/baseline.jpg" "$out/from-jpeg.jxl" 2>/dev/null
cjxl --quiet -e 3 600x17.png "$out/wide.jxl" 2>/dev/null
