import Glibc
import ProxyCore
import ProxyServer

/// Answers the one request of a CGI process.
enum AnswerCGI {
    static var isWanted: Bool { CGIRequest.isWanted }

    static func run() -> ExitStatus {
        let request = CGIRequest(output: STDOUT_FILENO)
        guard let configuration = ConfigurationLoading.load(file: nil) else {
            // The problems are in the web server's error log; the client is told only that there are some.
            printOutput(
                "Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n\r\n")
            return .configuration
        }
        Server(configuration, logger: ConfigurationLoading.logger(configuration.log)).run(request)
        return .done
    }
}
