import ProxyCore
import Testing

@Suite struct CacheControlTests {
    /// The names of the flags that are set, in the order of the grammar's table.
    private func flags(_ control: CacheControl) -> [String] {
        let flags = [
            ("no-store", control.noStore), ("no-cache", control.noCache), ("private", control.isPrivate),
            ("public", control.isPublic), ("must-revalidate", control.mustRevalidate),
            ("proxy-revalidate", control.proxyRevalidate), ("immutable", control.immutable),
        ]
        return flags.filter(\.1).map(\.0)
    }

    static let flagTable: [([String], [String])] = [
        ([], []), ([""], []), ([" , ,"], []), (["no-store"], ["no-store"]), (["NO-Store"], ["no-store"]),
        (["no-cache, private"], ["no-cache", "private"]), (["no-cache", "public"], ["no-cache", "public"]),
        (["no-cache=\"set-cookie, x\""], ["no-cache"]), (["private=\"x\""], ["private"]), (["private=x"], ["private"]),
        (["must-revalidate,proxy-revalidate\t, immutable"], ["must-revalidate", "proxy-revalidate", "immutable"]),
        (["no-store ="], ["no-store"]), (["no-store=yes"], ["no-store"]), (["x=\"no-store\""], []),
        (["x=\"a, no-store\""], []), (["x=\"a\\\", no-store\""], []), (["no-storex", "xno-store", "no_store"], []),
        // A quote that is never closed hides nothing.
        (["x=\"a, no-store"], ["no-store"]), (["\"\\\"\\\", no-store"], ["no-store"]), (["no-store\""], []),
        (["x=\"a\", y=\"b, no-store"], ["no-store"]),
    ]

    @Test("directives without a number", arguments: flagTable) func flags(_ values: [String], _ expected: [String]) {
        #expect(flags(CacheControl(values)) == expected)
    }

    /// Each with the id of the case in the public test suite for caches, where it has one.
    static let ages: [(values: [String], seconds: Int?)] = [
        ([], nil), (["public"], nil), (["xmax-age=5"], nil), (["max-agex=5"], nil),
        (["max-age=3600"], 3600),  // freshness-max-age
        (["max-age=0"], 0),  // freshness-max-age-0
        (["MaX-aGe=3600"], 3600),  // freshness-max-age-case-insenstive
        (["foobar, max-age=3600"], 3600),  // freshness-max-age-extension
        (["max-age=003600"], 3600),  // freshness-max-age-leading-zero
        (["max-age=2147483647"], 2_147_483_647),  // freshness-max-age-max
        (["max-age=2147483648"], 2_147_483_648),  // freshness-max-age-max-plus-1
        (["max-age=2147483649"], 2_147_483_648),  // freshness-max-age-max-plus
        (["max-age=99999999999999999999999999"], 2_147_483_648),
        (["max-age=-3600"], 0),  // freshness-max-age-negative
        (["max-age=3600.0"], 0),  // freshness-max-age-decimal-zero
        (["max-age=3600.5"], 0),  // freshness-max-age-decimal-five
        (["max-age=a3600"], 0),  // freshness-max-age-a100
        (["max-age=3600a"], 0),  // freshness-max-age-100a
        (["max-age='3600'"], 0),  // freshness-max-age-single-quoted
        (["max-age=\"3600\""], 3600),  // freshness-max-age-quoted
        (["max-age= 3600"], 0),  // freshness-max-age-space-after-equals
        (["max-age =3600"], 0),  // freshness-max-age-space-before-equals
        (["max-age"], 0), (["max-age="], 0), (["max-age=\"\""], 0), (["max-age=\""], 0), (["max-age=\u{0665}"], 0),
        (["max-age=+5"], 0), (["max-age=0x5"], 0), (["max-age=1e3"], 0), (["max-age=5\u{301}"], 0),
        (["x=\"max-age=3600\", max-age=1"], 1),  // freshness-max-age-ignore-quoted
        (["max-age=1, x=\"max-age=3600\""], 1),  // freshness-max-age-ignore-quoted-rev
        (["max-age=1800, max-age=1"], 1),  // freshness-max-age-two-fresh-stale-sameline
        (["max-age=1, max-age=1800"], 1),  // freshness-max-age-two-stale-fresh-sameline
        (["max-age=1800", "max-age=1"], 1),  // freshness-max-age-two-fresh-stale-sepline
        (["max-age=1", "max-age=1800"], 1),  // freshness-max-age-two-stale-fresh-sepline
        (["max-age=1800, max-age=x"], 0), (["max-age=x", "max-age=1800"], 0),
    ]

    @Test("numbers of seconds", arguments: ages) func seconds(_ values: [String], _ expected: Int?) {
        #expect(CacheControl(values).maxAge == expected)
    }

    @Test func everyNumberHasItsName() {
        let control = CacheControl(["s-maxage=1, stale-while-revalidate=2", "stale-if-error=3, max-age=4"])
        #expect(control.sMaxAge == 1)
        #expect(control.staleWhileRevalidate == 2)
        #expect(control.staleIfError == 3)
        #expect(control.maxAge == 4)
        let broken = CacheControl(["s-maxage, stale-while-revalidate=-1, stale-while-revalidate=9, stale-if-error=x"])
        #expect(broken.sMaxAge == 0)
        #expect(broken.staleWhileRevalidate == 0)
        #expect(broken.staleIfError == 0)
        #expect(broken.maxAge == nil)
    }
}
