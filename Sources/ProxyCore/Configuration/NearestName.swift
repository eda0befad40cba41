/// Finds what a misspelt name was meant to be.
enum NearestName {
    /// The name nearest to `name`, when it is near enough to be a slip of the finger: within a quarter of its length,
    /// what all of them begin with (`ConfigurationKey.prefix`) not counted. The cost is bounded whatever `name` is.
    static func find(_ name: String, among names: some Sequence<String>) -> String? {
        let prefixCount = ConfigurationKey.prefix.utf8.count
        let seen = Array(name.utf8.dropFirst(prefixCount))
        guard seen.count <= 64 else { return nil }
        let limit = max(2, seen.count / 4)
        let distances = names.map { (name: $0, distance: distance(seen, Array($0.utf8.dropFirst(prefixCount)))) }
        guard let nearest = distances.min(by: { $0.distance < $1.distance }), nearest.distance <= limit else {
            return nil
        }
        return nearest.name
    }

    /// Levenshtein's distance: how many bytes to insert, drop or replace.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (index, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
