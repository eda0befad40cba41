import ProxyCore

/// `P/status`: one page that needs nothing but itself and `P/stats`, which its script asks every two seconds.
///
/// Nothing of anybody else's is in the page; the script puts what it is told into text nodes alone. The nonce is of one
/// response, so that what could ever come into the page another way would neither run nor be styled.
struct StatusPage {
    private let nonce: String

    init() {
        nonce = [UInt64.random(in: 0 ... .max), .random(in: 0 ... .max)].map { String($0, radix: 16) }.joined()
    }

    /// The page's Content-Security-Policy.
    var policy: String {
        """
        default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; img-src data:; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """
    }

    var html: [UInt8] {
        Array(
            """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>image-proxy</title>
            <link rel="icon" href="data:,">
            <style nonce="\(nonce)">\(Self.style)</style>
            </head>
            <body>
            \(Self.body)
            <script nonce="\(nonce)">
            'use strict';
            const timeBounds = \(HistogramScale.time.bounds), sizeBounds = \(HistogramScale.size.bounds);
            \(Self.script)
            </script>
            </body>
            </html>

            """.utf8)
    }

    private static let body = """
        <header>
        <h1>image-proxy</h1>
        <p id="about"></p>
        </header>
        <section id="state" aria-live="polite"><p>Asking for the first numbers.</p></section>
        <noscript><p>Without its script this page is empty. The numbers are at <a href="stats">stats</a> and
        <a href="metrics">metrics</a>.</p></noscript>
        <main>
        <section class="card" id="hitRate"><h2>Hit rate</h2></section>
        <section class="card" id="requests"><h2>Requests a second</h2></section>
        <section class="card" id="hitLatency"><h2>Time of a hit</h2></section>
        <section class="card" id="missLatency"><h2>Time of a miss</h2></section>
        <section class="card wide" id="upstream"><h2>Errors of origins, by class</h2></section>
        <section class="card" id="memory"><h2>Memory of this process</h2></section>
        <section class="card" id="shared"><h2>Memory of Redis</h2></section>
        <section class="card wide" id="sizes"><h2>Sizes of fetched images, against the gate</h2></section>
        <section class="card" id="contents"><h2>In the cache</h2></section>
        <section class="card" id="decided"><h2>What became of fetched images</h2></section>
        <section class="card wide" id="failures"><h2>Requests that failed, in all</h2></section>
        <section class="card wide" id="traffic"><h2>Traffic, in all</h2></section>
        <section class="card full" id="recent"><h2>Last decisions of this process</h2></section>
        </main>
        """
}
