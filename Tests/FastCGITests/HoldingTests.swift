import Testing

@testable import FastCGI

/// What a worker has in hand besides what it is at, and leaves before it waits.
@Suite struct HoldingTests {
    private let turnstile = Turnstile(limit: 4)
    private let pulse = WorkerPulse()

    @Test func whoDoesNotWaitKeepsWhatItHas() {
        var steps: [String] = []
        pulse.beating {
            let isKept = pulse.holding({ steps.append("left") }, { turnstile.waitingBriefly { steps.append("done") } })
            #expect(isKept, "a short wait is none")
            turnstile.blocking { steps.append("waited later") }
        }
        #expect(steps == ["done", "waited later"])
    }

    @Test func itIsLeftOnceAndBeforeTheWait() {
        var steps: [String] = []
        pulse.beating {
            let isKept = pulse.holding(
                { steps.append("left") },
                {
                    steps.append("begun")
                    turnstile.blocking {
                        steps.append("waits")
                        turnstile.blocking { steps.append("within") }
                    }
                    turnstile.blocking { steps.append("waits again") }
                })
            #expect(!isKept)
            turnstile.blocking { steps.append("behind") }
        }
        #expect(steps == ["begun", "left", "waits", "within", "waits again", "behind"])
    }

    @Test("all that is in hand is left, and each is told") func nested() {
        var left: [String] = []
        pulse.beating {
            let isOuterKept = pulse.holding(
                { left.append("outer") },
                {
                    let isInnerKept = pulse.holding({ left.append("inner") }, { turnstile.blocking {} })
                    #expect(!isInnerKept)
                    #expect(left.sorted() == ["inner", "outer"])
                    #expect(pulse.holding({ left.append("new") }, {}), "nothing waits any more")
                    #expect(!pulse.holding({ left.append("another") }, { turnstile.blocking {} }))
                })
            #expect(!isOuterKept)
        }
        #expect(left.sorted() == ["another", "inner", "outer"])
    }

    @Test func whatIsDoneIsNotLeft() {
        var left: [String] = []
        pulse.beating {
            let isOuterKept = pulse.holding(
                { left.append("outer") },
                {
                    #expect(pulse.holding({ left.append("inner") }, {}))
                    turnstile.blocking {}
                })
            #expect(!isOuterKept)
        }
        #expect(left == ["outer"])
    }

    @Test func whoKnowsThatItTakesLongMayLeaveItItself() {
        var count = 0
        let isKept = pulse.holding({ count += 1 }, { for _ in 0..<2 { pulse.leaveTheRest() } })
        #expect(!isKept)
        #expect(count == 1)
    }

    @Test func anotherThreadsWaitIsNoneOfOurs() {
        let another = WorkerPulse()
        let isKept = pulse.holding({ Issue.record("left") }, { another.beating { turnstile.blocking {} } })
        #expect(isKept)
    }
}
