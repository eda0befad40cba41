@testable import ProxyCore

/// Loads `settings` from the environment, with the hosts that every configuration needs.
func loaded(_ settings: [String: String], secretFile: String? = nil) throws(ConfigurationProblems) -> Configuration {
    let hosts = ["IMAGE_PROXY_ALLOWED_HOSTS": "images.example.com"]
    return try Configuration.load(environment: hosts.merging(settings) { $1 }, readSecretFile: { _ in secretFile })
}

/// What is wrong with `settings`; nothing when they load.
func problems(_ settings: [String: String], secretFile: String? = nil) -> [ConfigurationProblem] {
    do {
        _ = try loaded(settings, secretFile: secretFile)
        return []
    } catch {
        return error.problems
    }
}

/// The decisions of `configuration`, without where each came from.
func areas(_ configuration: Configuration) -> Configuration {
    var areas = configuration
    areas.given = [:]
    return areas
}
