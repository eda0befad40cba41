"""The rules that Benchmarks/eviction.py compares are what they are called, each beside a plain one or worked out by hand."""

import random
import sys

import pytest

from harness.handler import PROJECT

sys.path.insert(0, str(PROJECT / "Benchmarks"))

from bench.policies import Fifo, Gdsf, Lru, S3Fifo, SecondHit, Sieve  # noqa: E402


class PlainSieve:
    """As the publication has it: one queue, oldest first, a mark for each entry, and a hand; None is before the oldest."""

    def __init__(self, limit):
        self.limit, self.queue, self.sizes, self.marks, self.hand = limit, [], {}, {}, None

    def hit(self, image):
        if image in self.sizes:
            self.marks[image] = True
        return image in self.sizes

    def add(self, image, size):
        while sum(self.sizes.values()) + size > self.limit:
            at = self.queue.index(self.hand) if self.hand is not None else 0
            while self.marks[self.queue[at]]:
                self.marks[self.queue[at]] = False
                at = (at + 1) % len(self.queue)
            del self.sizes[self.queue.pop(at)]
            self.hand = self.queue[at] if at < len(self.queue) else None
        self.queue.append(image)
        self.sizes[image], self.marks[image] = size, False


class PlainLru:
    def __init__(self, limit):
        self.limit, self.sizes = limit, {}

    def hit(self, image):
        if image in self.sizes:
            self.sizes[image] = self.sizes.pop(image)
        return image in self.sizes

    def add(self, image, size):
        while sum(self.sizes.values()) + size > self.limit:
            del self.sizes[next(iter(self.sizes))]
        self.sizes[image] = size


def asked(policy, sizes, images):
    """Whether each was there."""
    found = []
    for image in images:
        found.append(policy.hit(image))
        if not found[-1]:
            policy.add(image, sizes[image])
    return found


@pytest.mark.parametrize("rule, plain", [(Sieve, PlainSieve), (Lru, PlainLru)])
def test_a_rule_hits_what_the_plain_one_hits(rule, plain):
    for seed in range(40):
        chance = random.Random(seed)
        count, limit = chance.randint(3, 30), chance.randint(20, 60)
        sizes = [chance.randint(1, limit // 2) for _ in range(count)]
        images = [min(int(chance.expovariate(0.2)), count - 1) for _ in range(400)]
        assert asked(rule(limit), sizes, images) == asked(plain(limit), sizes, images)


@pytest.mark.parametrize("rule", [Fifo, Lru, Sieve, S3Fifo, Gdsf])
def test_no_rule_holds_more_than_its_limit_or_finds_what_it_does_not_hold(rule):
    chance, cache, held = random.Random(1), rule(1000), []
    for _ in range(20_000):
        image = min(int(chance.expovariate(0.01)), 500)
        size = image % 120 + 1
        if not cache.hit(image):
            cache.add(image, size)
        if rule is S3Fifo:
            assert cache.small_used == sum(cache.small.values()) and cache.main_used == sum(cache.main.values())
            assert set(cache.asked) == set(cache.small) | set(cache.main)
            held.append(cache.small_used + cache.main_used)
        else:
            held.append(cache.used)
    assert 800 < max(held) <= 1000


def test_the_oldest_leaves_first_in_fifo_though_it_was_hit():
    assert asked(Fifo(3), [1] * 5, [0, 1, 2, 0, 3, 1, 0]) == [False, False, False, True, False, True, False]


def test_s3_fifo_lets_into_the_main_queue_what_was_hit_twice_or_comes_back():
    cache = S3Fifo(10)
    asked(cache, [1] * 30, range(10))
    asked(cache, [1] * 30, [0, 0, 1])
    # 0 was hit twice and is moved; 1 once, and its name is all that stays.
    asked(cache, [1] * 30, [10])
    assert list(cache.main) == [0] and cache.asked[0] == 0 and list(cache.ghost) == [1]
    asked(cache, [1] * 30, [1])
    assert list(cache.main) == [0, 1] and list(cache.ghost) == [2]


def test_gdsf_keeps_what_is_small_and_often_asked_for_and_refuses_what_would_leave_at_once():
    sizes = [50, 25, 25, 10, 100]
    cache = Gdsf(100)
    asked(cache, sizes, [0, 1, 2])
    asked(cache, sizes, [3])
    # 1/50 is the least, and the clock from then on.
    assert set(cache.held) == {1, 2, 3} and cache.clock == 1 / 50 and cache.held[3][0] == 1 / 10
    asked(cache, sizes, [4])
    assert set(cache.held) == {1, 2, 3} and cache.used == 60
    asked(cache, sizes, [1])
    assert cache.held[1][0] == 1 / 50 + 2 / 25


def test_the_second_hit_is_the_third_request():
    admission = SecondHit()
    assert [admission.admits(7) for _ in range(3)] == [False, False, True]
