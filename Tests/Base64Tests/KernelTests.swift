import Testing

@testable import Base64

/// Every kernel against the scalar twin.
@Suite struct KernelTests {
    @Test("lengths 0 to 300 at every alignment, and not a byte outside the bounds", arguments: kernels)
    func lengthsAndAlignments(kernel: Base64Kernel) {
        var generator = SeededGenerator(seed: 2)
        let margin = 40
        let fence: UInt8 = 0xa5
        for count in 0...300 {
            let plain = generator.bytes(count)
            let encoded = encoding(plain)
            let alignment = count % 33

            let source = [UInt8](repeating: fence, count: alignment) + plain
            var output = [UInt8](repeating: fence, count: alignment + encoded.count + margin)
            var span = output.mutableSpan
            #expect(
                Base64.encode(source.span.extracting(alignment...), into: &span, at: alignment, with: kernel)
                    == encoded.count)
            #expect(Array(output[alignment..<(alignment + encoded.count)]) == encoded)
            #expect(
                output.prefix(alignment).allSatisfy { $0 == fence } && output.suffix(margin).allSatisfy { $0 == fence })

            for alignment in [alignment, 0, 1, 15, 31] {
                var buffer = [UInt8](repeating: fence, count: alignment) + encoded
                buffer += [UInt8](repeating: fence, count: margin)
                var span = buffer.mutableSpan
                let range = alignment..<(alignment + encoded.count)
                #expect((try? Base64.decode(inPlace: &span, range, with: kernel)) == count)
                #expect(Array(buffer[alignment..<(alignment + count)]) == plain)
                #expect(buffer.prefix(alignment).allSatisfy { $0 == fence })
                #expect(buffer.suffix(margin).allSatisfy { $0 == fence })
            }
        }
    }

    @Test("all 256 values at each place of a text, padded or not", arguments: [96, 97])
    func singleBytes(count: Int) {
        var generator = SeededGenerator(seed: 3)
        let original = encoding(generator.bytes(count))
        for place in original.indices {
            var changed = original
            for value in UInt8.min...UInt8.max {
                changed[place] = value
                let expected = bytes(of: changed)
                for kernel in kernels where (try? decodeInPlace(changed, with: kernel).get()) != expected {
                    Issue.record("\(kernel) is wrong about byte \(value) at \(place) of \(original.count)")
                }
            }
        }
    }

    @Test("random damage, random cuts: the same bytes or the same error as the twin", arguments: kernels)
    func randomDamage(kernel: Base64Kernel) {
        var generator = SeededGenerator(seed: 4)
        let likely = Array("=+/-_ \n\"\\AZaz09\u{0}\u{7f}\u{ff}".utf8)
        for _ in 0..<1_000 {
            var damaged = encoding(generator.bytes(Int.random(in: 0...400, using: &generator)))
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                let place = Int.random(in: 0...damaged.count, using: &generator)
                switch Int.random(in: 0...3, using: &generator) {
                case 0 where place < damaged.count: damaged.remove(at: place)
                case 1: damaged.insert(likely.randomElement(using: &generator) ?? 0, at: place)
                case 2 where place < damaged.count: damaged[place] = likely.randomElement(using: &generator) ?? 0
                default: damaged.removeLast(min(damaged.count, Int.random(in: 0...5, using: &generator)))
                }
            }
            let cuts = (0..<Int.random(in: 0...6, using: &generator))
                .map { _ in Int.random(in: 0...damaged.count, using: &generator) }.sorted()
            let expected = decode(damaged, with: .scalar)
            #expect((try? expected.get()) == bytes(of: damaged))
            #expect(decode(damaged, cutAt: cuts, with: kernel) == expected)
            #expect(decodeInPlace(damaged, with: kernel) == expected)
        }
    }

    @Test("a kernel that is not this processor's does nothing")
    func unsupported() {
        for kernel in Base64Kernel.allCases where !kernel.isSupported {
            #expect(encode(Array(0...255), with: kernel) == encoding(Array(0...255)))
            #expect(decodeInPlace(encoding(Array(0...255)), with: kernel) == .success(Array(0...255)))
        }
    }
}
