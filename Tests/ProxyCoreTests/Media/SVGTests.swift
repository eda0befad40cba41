import ProxyCore
import Testing

@Suite struct SVGTests {
    @Test(
        "a root element is found behind anything that may precede it",
        arguments: [
            "<svg", "\u{FEFF}<svg", " \t\r\n<svg", "<s:svg", "<é_1.-:svg", "<?xml version=\"1.0\"?><svg",
            "\u{FEFF}<?xml version='1.0' encoding = \"utf-8\"?>\n<svg", "<?xml version='1.0' encoding='US-ASCII'?><svg",
            "<?xml-stylesheet href='a.css' encoding='latin1'?><svg", "<!----><svg", "<!-- <html> - -- é 漢 😀 --><svg",
            "<!DOCTYPE svg><svg",
            "<!DOCTYPE  svg SYSTEM '>' \"<html>\" [ <!ENTITY a ']>'> <!-- ' ]> --> ]\n> <!-- --> <svg",
            "<!DOCTYPE s:svg[]><s:svg",
        ])
    func roots(_ text: String) {
        #expect(MediaTypeSniffer.sniff(text.utf8, isComplete: false) == .undecided)
        #expect(MediaTypeSniffer.sniff(text.utf8, isComplete: true) == .notAnImage)
        for end in [" ", "\n", "/", ">"] {
            #expect(MediaTypeSniffer.sniff((text + end).utf8, isComplete: false) == .image(.svg))
        }
    }

    @Test(
        "lengths in absolute units become CSS pixels",
        arguments: [
            ("width='37' height='23'", 37, 23), ("width=\"37px\" height = '23PX'", 37, 23),
            ("width='1in' height='2.54cm'", 96, 96), ("width='25.4mm' height='101.6Q'", 96, 96),
            ("width='72pt' height='2pc'", 96, 32), ("width='+3.7e1' height='.23E+2'", 37, 23),
            ("width=' 37 ' height='22.5'", 37, 23), ("width='0.1' height='0.1'", 1, 1),
            ("width='37' height='23' viewBox='0 0 1 1'", 37, 23),
            ("viewBox='0 0 37 23'", 37, 23), ("viewBox='-5,-5 , 37,23'", 37, 23),
            ("viewBox=' 1e1 0 37.4 22.6 '", 37, 23),
            ("width='100%' height='100%' viewBox='0 0 37 23'", 37, 23), ("width='74' viewBox='0 0 37 23'", 74, 46),
            ("height='46' width='auto' viewBox='0 0 37 23'", 74, 46), ("width='1em' viewBox='0 0 37 23'", 37, 23),
            ("xmlns:a='>' data-width='9' a:height='9' width='37' style='height:9' height='23'", 37, 23),
        ])
    func lengths(attributes: String, width: Int, height: Int) {
        #expect(dimensions("<svg \(attributes)>") == PixelDimensions(width: width, height: height))
        #expect(dimensions("<svg \(attributes)/>") == PixelDimensions(width: width, height: height))
    }

    @Test(
        "a size that depends on its surroundings, or makes no sense, is unknown",
        arguments: [
            "", "width='37'", "width='100%' height='23'", "width='1em' height='1ex'", "width='0' height='23'",
            "width='-1' height='23'", "width='nan' height='inf'", "width='0x10' height='1'", "width='1e999' height='1'",
            "width='9999999999' height='1'", "width='&#51;' height='1'", "width='3 7' height='1'", "width='' height=''",
            "viewBox='0 0 37'", "viewBox='0 0 37 23 1'", "viewBox='0 0 0 23'", "viewBox='0 0 -37 23'", "viewBox='a'",
            "viewBox='0 0 1e-300 1e300'", "width=37 height=23", "width height", "width='<' height='1'",
        ])
    func unknown(attributes: String) {
        #expect(dimensions("<svg \(attributes)>") == nil)
    }

    @Test("a start tag without end, or with an endless value, is given up with bounded memory")
    func endless() {
        var scanner = DimensionScanner(.svg)
        scanner.scan("<svg width='".utf8)
        for _ in 0..<20 { scanner.scan([UInt8](repeating: 0x31, count: 4096)) }
        #expect(scanner.isFinished)
        #expect(scanner.dimensions == nil)
    }

    @Test("attributes behind a long one are still read")
    func longAttribute() {
        let long = String(repeating: "x", count: 20_000)
        #expect(dimensions("<svg d='\(long)' width='37' height='23'>") == PixelDimensions(width: 37, height: 23))
        #expect(dimensions("<svg width='\(long)' viewBox='0 0 37 23'>") == PixelDimensions(width: 37, height: 23))
    }

    private func dimensions(_ text: String) -> PixelDimensions? {
        DimensionScanner.dimensions(of: Array(text.utf8), as: .svg)
    }
}
