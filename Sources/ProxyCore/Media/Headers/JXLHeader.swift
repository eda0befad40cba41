/// The size header of a JPEG XL image: bare, or in the `jxlc` or the first `jxlp` boxes of a container (ISO/IEC 18181-2, 9).
struct JXLHeader: HeaderReader {
    private enum State {
        case start, boxHeader
        case wideSize(of: FourCharacterCode)
        /// A codestream of which so many bytes follow in this box.
        case codestream(bytesLeft: UInt64)
    }

    let opening = 2
    private var state = State.start
    private var codestream: [UInt8] = []

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        switch state {
        case .start:
            guard try piece.has([0xFF, 0x0A]) else {
                state = .boxHeader
                return .read(8, after: 10)  // the rest of the signature box
            }
            codestream = [0xFF, 0x0A]
            state = .codestream(bytesLeft: .max)
            return .read(1)
        case .boxHeader:
            switch try BoxHeader.parse(piece) {
            case .header(let box): return enter(box)
            case .damaged: return .unknown
            case .needsWideSize(let type):
                state = .wideSize(of: type)
                return .read(8)
            }
        case .wideSize(let type):
            guard let box = try BoxHeader(type: type, wideSize: piece) else { return .unknown }
            return enter(box)
        case .codestream(let bytesLeft):
            codestream.append(try piece.byte(at: 0))
            return extend(bytesLeft: bytesLeft - 1)
        }
    }

    private mutating func enter(_ box: BoxHeader) -> HeaderStep {
        // A part begins with four bytes of index.
        let index: UInt64 = box.type == "jxlp" ? 4 : 0
        guard box.type == "jxlc" || box.type == "jxlp", box.payload > index else {
            state = .boxHeader
            return .read(8, after: box.payload)
        }
        state = .codestream(bytesLeft: box.payload - index)
        return .read(1, after: index)
    }

    private mutating func extend(bytesLeft: UInt64) -> HeaderStep {
        do throws(EndOfBytes) {
            guard let dimensions = try JXLSizeHeader.dimensions(ofCodestream: RawSpan(_elements: codestream.span))
            else {
                return .unknown
            }
            return .found(dimensions)
        } catch {
            guard codestream.count < JXLSizeHeader.longest else { return .unknown }
            state = bytesLeft > 0 ? .codestream(bytesLeft: bytesLeft) : .boxHeader
            return .read(bytesLeft > 0 ? 1 : 8)
        }
    }
}
