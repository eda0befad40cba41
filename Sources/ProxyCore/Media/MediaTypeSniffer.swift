/// What the first bytes of a body are.
public enum SniffResult: Equatable, Sendable {
    case image(MediaType)
    case notAnImage
    /// More bytes are needed.
    case undecided
}

/// Tells images from everything else by their first bytes.
///
/// A label is what an origin says; this is what a browser will see. Formats whose signature is unmistakable are known by it, as
/// in the WHATWG MIME Sniffing Standard (6.1). Where a signature is short enough to begin a text (BMP, ICO, TIFF, JPEG XL) or
/// shared with video (`ftyp`), the fields behind it must make sense too.
public enum MediaTypeSniffer {
    /// With this many bytes the answer is never `undecided`, and no more than this many are looked at.
    ///
    /// Every format but SVG needs a few dozen; an SVG may begin with a licence and a DOCTYPE.
    public static let longestPrefix = 4096

    /// Decides as soon as the bytes allow. `isComplete` says that none will follow `prefix`.
    public static func sniff(_ prefix: RawSpan, isComplete: Bool) -> SniffResult {
        let bytes = prefix.extracting(first: longestPrefix)
        var isUndecided = false
        for format in Format.allCases {
            do throws(EndOfBytes) {
                if let type = try recognize(format, in: bytes) { return .image(type) }
            } catch {
                isUndecided = true
            }
        }
        return isUndecided && !isComplete && bytes.byteCount < longestPrefix ? .undecided : .notAnImage
    }

    private enum Format: CaseIterable {
        case png, jpeg, gif, webP, isoMedia, bitmap, icon, tiff, jpegXL, svg
    }

    /// Each format reads from the front, so that a mismatch is found before the bytes run out.
    private static func recognize(_ format: Format, in bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        switch format {
        case .png: try bytes.has([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) ? .png : nil
        case .jpeg: try bytes.has([0xFF, 0xD8, 0xFF]) ? .jpeg : nil
        case .gif: try gif(bytes)
        case .webP: try webP(bytes)
        case .isoMedia: try isoMedia(bytes)
        case .bitmap: try bitmap(bytes)
        case .icon: try icon(bytes)
        case .tiff: try tiff(bytes)
        case .jpegXL: try jpegXL(bytes)
        case .svg: try svg(bytes)
        }
    }

    private static func gif(_ bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        if try bytes.has("GIF87a") { return .gif }
        return try bytes.has("GIF89a") ? .gif : nil
    }

    private static func webP(_ bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        guard try bytes.has("RIFF") else { return nil }
        return try bytes.has("WEBPVP8", at: 8) ? .webp : nil
    }

    /// The brands of a `ftyp` box (ISO/IEC 14496-12, 4.3; ISO/IEC 23008-12, 10). A video has brands of its own.
    private static func isoMedia(_ bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        let size = Int(try bytes.bigEndian(UInt32.self, at: 0))
        guard size >= 16, size <= 512, size % 4 == 0, try bytes.has("ftyp", at: 4) else { return nil }
        switch try bytes.code(at: 8) {
        case "avif", "avis": return .avif
        case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
            for offset in stride(from: 16, to: size, by: 4) where try bytes.code(at: offset) == "avif" { return .avif }
            return .heic
        default: return nil
        }
    }

    /// `BM` begins many a text: the header's own size and its count of planes are those that were ever defined.
    private static func bitmap(_ bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        guard try bytes.has("BM") else { return nil }
        switch try bytes.littleEndian(UInt32.self, at: 14) {
        case 12: return try bytes.littleEndian(UInt16.self, at: 22) == 1 ? .bmp : nil
        case 16, 40, 52, 56, 64, 108, 124: return try bytes.littleEndian(UInt16.self, at: 26) == 1 ? .bmp : nil
        default: return nil
        }
    }

    /// An icon or cursor directory whose first entry lies behind the directory.
    private static func icon(_ bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        guard try bytes.has([0, 0]) else { return nil }
        let kind = try bytes.littleEndian(UInt16.self, at: 2)
        guard kind == 1 || kind == 2 else { return nil }
        let count = UInt32(try bytes.littleEndian(UInt16.self, at: 4))
        // Reserved, but one popular writer puts 255 there.
        let reserved = try bytes.byte(at: 9)
        guard count > 0, reserved == 0 || reserved == 255 else { return nil }
        let size = try bytes.littleEndian(UInt32.self, at: 14)
        let offset = try bytes.littleEndian(UInt32.self, at: 18)
        return size > 0 && offset >= 6 + 16 * count ? .ico : nil
    }

    /// Either byte order, and an offset of the first directory that is behind the header. 43 is BigTIFF.
    private static func tiff(_ bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        if try bytes.has([0x49, 0x49, 42, 0]) { return try bytes.littleEndian(UInt32.self, at: 4) >= 8 ? .tiff : nil }
        if try bytes.has([0x4D, 0x4D, 0, 42]) { return try bytes.bigEndian(UInt32.self, at: 4) >= 8 ? .tiff : nil }
        if try bytes.has([0x49, 0x49, 43, 0, 8, 0, 0, 0]) {
            return try bytes.littleEndian(UInt64.self, at: 8) >= 16 ? .tiff : nil
        }
        if try bytes.has([0x4D, 0x4D, 0, 43, 0, 8, 0, 0]) {
            return try bytes.bigEndian(UInt64.self, at: 8) >= 16 ? .tiff : nil
        }
        return nil
    }

    /// The container's signature box, or a bare codestream. Its signature is two bytes, so its dimensions must be among
    /// those that level 5 allows (ISO/IEC 18181-1, annex M); what is larger needs the container to say so.
    private static func jpegXL(_ bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        if try bytes.has([0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20, 0x0D, 0x0A, 0x87, 0x0A]) { return .jxl }
        guard let size = try JXLSizeHeader.dimensions(ofCodestream: bytes) else { return nil }
        return size.width <= 1 << 18 && size.height <= 1 << 18 && size.width * size.height <= 1 << 28 ? .jxl : nil
    }

    /// A document in XML, in UTF-8, whose root element is `svg`.
    private static func svg(_ bytes: RawSpan) throws(EndOfBytes) -> MediaType? {
        var scanner = SVGRootScanner()
        for offset in bytes.byteOffsets {
            switch scanner.consume(try bytes.byte(at: offset)) {
            case .prologue: continue
            case .rootElement, .finished: return .svg
            case .failed: return nil
            }
        }
        throw EndOfBytes()
    }
}
