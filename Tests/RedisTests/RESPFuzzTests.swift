import Testing

@testable import Redis

/// Mutated RESP: both parsers answer or refuse, they never trap, and neither takes more than it was given.
@Suite struct RESPFuzzTests {
    static let seeds: [[UInt8]] = [
        bytes("$5\r\nhello\r\n$-1\r\n"), bytes("*3\r\n:1\r\n$3\r\nabc\r\n*2\r\n+OK\r\n-ERR x\r\n"),
        bytes(":9223372036854775807\r\n+QUEUED\r\n"), bytes("$300\r\n") + pattern(300) + bytes("\r\n:5\r\n"),
        bytes("-LOADING Redis is loading the dataset in memory\r\n*-1\r\n*0\r\n$0\r\n\r\n"),
    ]

    @Test("mutated bytes", arguments: seeds.indices)
    func survives(_ index: Int) throws {
        var random = SeededGenerator(state: UInt64(index) &+ 0x9e37_79b9)
        for _ in 0..<4000 {
            var input = Self.seeds[index]
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&input, &random) }
            readHeads(input)
            parse(input)
        }
    }

    private func readHeads(_ input: [UInt8]) {
        var reader = RESPReader()
        var taken = 0
        do {
            try reader.receive(input[...])
            while let head = try reader.head() {
                guard case .string(let length) = head else { continue }
                let content = reader.skip(atMost: length)
                #expect(content <= length)
                taken += content
                guard content == length, try reader.takeTerminator() else { break }
            }
        } catch {
            #expect(error == .protocolViolation)
        }
        #expect(taken + reader.buffered <= input.count)
    }

    private func parse(_ input: [UInt8]) {
        guard let parser = ReplyParser() else { return }
        parser.allow(elements: 64)
        do {
            try parser.feed(input[...])
            while try parser.next() != nil {}
        } catch {
            #expect(error == .protocolViolation || error == .tooLarge)
        }
    }

    private func mutate(_ input: inout [UInt8], _ random: inout SeededGenerator) {
        guard let position = input.indices.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: input[position] = .random(in: .min ... .max, using: &random)
        case 1: input.remove(at: position)
        case 2:
            input.insert(contentsOf: "\r\n$*:-0129".utf8.randomElement(using: &random).map { [$0] } ?? [], at: position)
        case 3: input.removeSubrange(position...)
        default: input.insert(contentsOf: input[position...].prefix(20), at: position)
        }
    }
}

/// The same sequence in every run (splitmix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
