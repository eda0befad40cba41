import ProxyCore

/// The time at which the responses of these tests arrive: Tue, 14 Nov 2023 22:13:20 GMT.
let arrival: Int64 = 1_700_000_000_000

/// A head whose fields are written as `name: value`. `{3600}` stands for the date of an hour after `arrival`.
func originFields(_ lines: [String]) -> OriginFields {
    let fields = lines.map { line in
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return (name: String(parts[0]), value: dated(parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""))
    }
    return OriginFields { name in fields.filter { $0.name == name }.map(\.value) }
}

private func dated(_ value: String) -> String {
    guard let open = value.firstIndex(of: "{"), let close = value.firstIndex(of: "}"),
        let seconds = Int64(value[open..<close].dropFirst())
    else { return value }
    return value[..<open] + HTTPDate.text(arrival / 1000 + seconds) + value[close...].dropFirst()
}

/// A policy with the defaults of the configuration, but for what `change` changes.
func freshnessPolicy(_ change: (inout Configuration.Freshness) -> Void = { _ in }) -> FreshnessPolicy {
    var freshness = Configuration.Freshness()
    change(&freshness)
    return FreshnessPolicy(freshness, imageTTL: .seconds(86_400))
}

extension Storability {
    var response: StoredResponse? {
        guard case .storable(let response) = self else { return nil }
        return response
    }

    var reason: NotStorable? {
        guard case .notStorable(let reason) = self else { return nil }
        return reason
    }
}
