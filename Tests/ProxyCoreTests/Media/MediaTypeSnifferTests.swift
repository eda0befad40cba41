import ProxyCore
import Testing

@Suite struct MediaTypeSnifferTests {
    @Test("an image is undecided until it is known, and stays known", arguments: MediaFixture.all)
    func everyPrefix(_ fixture: MediaFixture) throws {
        let bytes = try fixture.bytes
        var decided = false
        for count in 0...bytes.count {
            switch MediaTypeSniffer.sniff(bytes.prefix(count), isComplete: false) {
            case .image(let type):
                #expect(type == fixture.type)
                decided = true
            case .undecided: #expect(!decided)
            case .notAnImage: Issue.record("refused after \(count) bytes")
            }
        }
        #expect(decided)
        #expect(MediaTypeSniffer.sniff(bytes, isComplete: true) == .image(fixture.type))
        #expect(MediaTypeSniffer.sniff(bytes.prefix(1), isComplete: true) == .notAnImage)
    }

    @Test("binary formats are known within 64 bytes", arguments: MediaFixture.all.filter { $0.type != .svg })
    func known(_ fixture: MediaFixture) throws {
        #expect(MediaTypeSniffer.sniff(try fixture.bytes.prefix(64), isComplete: false) == .image(fixture.type))
    }

    @Test("other files are refused, without waiting for their end", arguments: NonImages.all)
    func refused(_ file: NonImages.File) {
        #expect(MediaTypeSniffer.sniff(file.bytes, isComplete: false) == .notAnImage)
        #expect(MediaTypeSniffer.sniff(file.bytes, isComplete: true) == .notAnImage)
    }

    @Test("nothing at all is undecided, and no image once it has ended")
    func empty() {
        #expect(MediaTypeSniffer.sniff([], isComplete: false) == .undecided)
        #expect(MediaTypeSniffer.sniff([], isComplete: true) == .notAnImage)
    }

    @Test(
        "brands of a file type box",
        arguments: [
            (["avif", "0000", "mif1"], SniffResult.image(.avif)), (["avis", "0000"], .image(.avif)),
            (["mif1", "0000", "heic"], .image(.heic)), (["mif1", "0000", "miaf", "avif"], .image(.avif)),
            (["msf1", "0000", "hevc"], .image(.heic)), (["heix", "0000", "mif1"], .image(.heic)),
            (["isom", "0000", "avif"], .notAnImage), (["mp42", "0000", "heic"], .notAnImage),
            (["qt  ", "0000"], .notAnImage), (["crx ", "0000"], .notAnImage), (["M4A ", "0000"], .notAnImage),
        ])
    func brands(_ brands: [String], _ expected: SniffResult) {
        let box = [0, 0, 0, UInt8(8 + brands.count * 4)] + Array("ftyp".utf8) + brands.flatMap { Array($0.utf8) }
        #expect(MediaTypeSniffer.sniff(box, isComplete: false) == expected)
    }

    @Test("the longest prefix is always enough, and nothing behind it counts")
    func longestPrefix() {
        let limit = MediaTypeSniffer.longestPrefix
        let tag = Array("<svg>".utf8)
        let space = [UInt8](repeating: 0x20, count: limit)
        #expect(MediaTypeSniffer.sniff(space.prefix(limit - 1), isComplete: false) == .undecided)
        #expect(MediaTypeSniffer.sniff(space, isComplete: false) == .notAnImage)
        #expect(MediaTypeSniffer.sniff(space + tag, isComplete: false) == .notAnImage)
        #expect(MediaTypeSniffer.sniff(space.dropLast(5) + tag, isComplete: false) == .image(.svg))
    }
}

/// Files that are no image, or none that is served.
enum NonImages {
    struct File: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]

        init(_ name: String, _ bytes: [UInt8]) { (testDescription, self.bytes) = (name, bytes) }
        init(_ text: String) { self.init(String(text.prefix(40)), Array(text.utf8)) }
    }

    static let all: [File] = [
        File("<!DOCTYPE html><html><body><svg width='1' height='1'></svg></body></html>"),
        File("<!doctype html>\n<svg>"), File("<html><svg></svg></html>"), File("<HTML>"), File("<!-- x --><html>"),
        File("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>"), File("<svgx width='1'>"),
        File("<SVG>"), File("<a:b:svg>"), File("<:svg>"), File("< svg>"), File("<\"onload=\":svg>"), File("text <svg>"),
        File("<!ELEMENT svg>"), File("<!DOCTYPE html [<!ENTITY a 'b'>]><svg>"), File("<!DOCTYPE svg/><html>"),
        File("<?xml version='1.0' encoding='UTF-16'?><svg>"), File("<?xml version='1.0' encoding='utf-7'?><svg>"),
        File("<?xml encoding?><svg>"), File("\u{FEFF}\u{FEFF}<svg>"), File(" \u{FEFF}<svg>"), File("<!--\0--><svg>"),
        File("invalid UTF-8 in a comment", Array("<!--".utf8) + [0xC0, 0xAF] + Array("--><svg>".utf8)),
        File("UTF-16", [0xFF, 0xFE, 0x3C, 0, 0x73, 0, 0x76, 0, 0x67, 0, 0x3E, 0]),
        File("alert(document.domain)//"), File("var GIF89 = 1"), File("{\"a\":1}"), File("%PDF-1.7\n"),
        File("#!/bin/sh\n"),
        File("root:x:0:0:root:/root:/bin/bash\n"), File("BM is a text that begins with those two letters"),
        File("BMW: a car, sold in many countries and colours"), File("II* is no TIFF but a list"),
        File("MM\0*\0\0\0\u{7}"),
        File("RIFF\u{24}\0\0\0WAVEfmt "), File("RIFF\u{24}\0\0\0AVI LIST"), File("RIFF\u{24}\0\0\0WEBPALPH"),
        File("\0\0\0\u{18}ftypmp42\0\0\0\0mp42isom"), File("\0\0\0\u{14}ftypqt  \0\0\0\0qt  "),
        File("a ftyp box of no size", [0, 0, 0, 0] + Array("ftypavif\0\0\0\0".utf8)),
        File("a ftyp box that is huge", [0, 1, 0, 0] + Array("ftypavif\0\0\0\0".utf8)),
        File("an icon of no entries", [0, 0, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 32)),
        File(
            "an icon within its own directory", [0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0, 9, 0, 0, 0, 6, 0, 0, 0]),
        File("a TGA image", [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 37, 0, 23, 0, 24, 0, 0, 0, 0, 0, 0, 0]),
        File("a TrueType font", [0, 1, 0, 0, 0, 12, 0, 0x80, 0, 3, 0, 0x40] + [UInt8](repeating: 0, count: 32)),
        File("an MPEG program stream", [0, 0, 1, 0xBA, 0x44, 0, 4, 0, 4, 1] + [UInt8](repeating: 0, count: 32)),
        File("gzip", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]), File("zip", Array("PK\u{3}\u{4}".utf8)),
        File("ELF", [0x7F, 0x45, 0x4C, 0x46]), File("MP3", [0xFF, 0xFB, 0x90, 0x44]),
        File("a JPEG XL codestream beyond level 5", [0xFF, 0x0A] + [UInt8](repeating: 0xFE, count: 12)),
        File("PNG with its line ends translated", [0x89, 0x50, 0x4E, 0x47, 0x0A, 0x1A, 0x0A, 0]),
    ]
}
