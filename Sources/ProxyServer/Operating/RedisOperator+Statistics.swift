internal import Redis
import ProxyCore

extension RedisOperator {
    func statistics(_ supervision: Supervision) throws(CacheFailure) -> OperatorStatistics? {
        let total = try ask([["DBSIZE"]]).first?.integer.map { Int(clamping: $0) } ?? 0
        let statistics = try tier.statistics { done in
            supervision.advanced(min(done, total), total)
            return !supervision.isStopped()
        }
        guard let statistics else { return nil }
        return OperatorStatistics(
            cache: statistics, folder: nil, hosts: try tier.hostCounts().map { HostCounts($0.host, $0.counts) })
    }
}
