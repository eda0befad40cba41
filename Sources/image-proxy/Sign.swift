import Glibc
import ProxyCore
import ProxyServer

/// Signs the URL of an image.
enum Sign {
    static let command = Command(
        name: "sign", synopsis: "URL [options]", summary: "Sign the URL of an image and print the URL to ask for.",
        options: [
            ("--dialect", "NAME", "\(URLSigner.Form.allCases.map(\.rawValue).joined(separator: ", ")) (own)"),
            ("--expires", "TIME", "Unix seconds, or from now on: 90s, 12h, 7d"),
            ("--base", "P", "mount point, with or without scheme and host (/api/image-proxy)"),
        ],
        flags: [("--json", "as JSON")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.count == 1, let url = arguments.operands.first else {
            return Command.misused("sign needs one URL", command: command)
        }
        guard let form = URLSigner.Form(rawValue: arguments.value("--dialect") ?? "own") else {
            return Command.misused("--dialect \(arguments.value("--dialect") ?? ""): there is none", command: command)
        }
        let expires = arguments.value("--expires").map { time($0) }
        if case .some(.none) = expires {
            return Command.misused("--expires: expected Unix seconds, or a time such as 12h", command: command)
        }
        guard let configuration = ConfigurationLoading.load(file: arguments.value("--config")) else {
            return .configuration
        }
        return sign(
            url, as: form, expires: expires ?? nil, base: arguments.value("--base") ?? "/api/image-proxy",
            configuration, isJSON: arguments.has("--json"))
    }

    private static func sign(
        _ url: String, as form: URLSigner.Form, expires: Int64?, base: String, _ configuration: Configuration,
        isJSON: Bool
    ) -> ExitStatus {
        // What would be refused with any signature gets none.
        do { _ = try ImageRequest(urlText: url) } catch {
            let reason = if case .denied(let denial) = error { denial.reason } else { "\(error)" }
            printError("not the URL of an image that can be fetched: \(reason)")
            return .failed
        }
        if !configuration.signing.dialects.contains(form.dialect) {
            printError("the server does not understand it until \(form.dialect.rawValue) is in IMAGE_PROXY_DIALECTS")
        }
        do throws(SigningFailure) {
            let path = try URLSigner(configuration.signing, primitives: LibcryptoPrimitives()).sign(
                url, as: form, expires: expires)
            let signed = String(base.utf8.last == UInt8(ascii: "/") ? base.dropLast() : base[...]) + path
            printOutput(isJSON ? json(signed, form, expires) : signed + "\n")
            return .done
        } catch {
            printError(text(error, form.dialect))
            return error == .noKey || error == .noEncryptionKey ? .configuration : .failed
        }
    }

    private static func time(_ text: String) -> Int64? {
        if let seconds = Int64(text), seconds > 0, !text.hasPrefix("+") { return seconds }
        guard let duration = Duration(configurationText: text), duration > .zero else { return nil }
        let (sum, overflow) = Int64(Glibc.time(nil)).addingReportingOverflow(duration.components.seconds)
        return overflow ? nil : sum
    }

    private static func json(_ signed: String, _ form: URLSigner.Form, _ expires: Int64?) -> String {
        var text = JSONText()
        text.object { text in
            text.member("url", .string(signed))
            text.member("dialect", .string(form.rawValue))
            text.member("expires", expires.map { .integer($0) } ?? .null)
        }
        return text.string + "\n"
    }

    private static func text(_ failure: SigningFailure, _ dialect: Configuration.Dialect) -> String {
        switch failure {
        case .noKey where dialect == .imgproxy:
            "IMAGE_PROXY_IMGPROXY_KEYS and IMAGE_PROXY_IMGPROXY_SALTS are not set"
        case .noKey: "IMAGE_PROXY_SIGNING_KEYS is not set"
        case .noEncryptionKey: "IMAGE_PROXY_IMGPROXY_SOURCE_URL_ENCRYPTION_KEY is not set"
        case .cannotExpire: "a URL of \(dialect.rawValue) cannot expire"
        case .cannotBeWritten: "\(dialect.rawValue) has no way to write this URL: escape what is no URI character in it"
        case .fragment: "a URL of \(dialect.rawValue) has no fragment: leave out what is behind the #"
        case .unavailable: "libcrypto cannot be loaded"
        }
    }
}
