"""Rules for what leaves a cache that is full, each from its publication, over sizes in bytes.

Each has two methods: `hit` tells whether an image is held, and notes that it was asked for; `add` takes one that is not.
None is larger than the cache: who calls sees to that.
"""

import heapq
from collections import OrderedDict


class Fifo:
    """The oldest leaves."""

    def __init__(self, limit):
        self.limit, self.used, self.sizes = limit, 0, OrderedDict()

    def hit(self, image):
        return image in self.sizes

    def add(self, image, size):
        while self.used + size > self.limit:
            self.used -= self.sizes.popitem(last=False)[1]
        self.sizes[image] = size
        self.used += size


class Lru(Fifo):
    """What has not been asked for for longest leaves."""

    def hit(self, image):
        if image not in self.sizes:
            return False
        self.sizes.move_to_end(image)
        return True


class Sieve:
    """Zhang et al., NSDI 2024, as in Sources/ProxyServer/Cache/MemoryTier.swift.

    The queue is kept in two parts: what the hand has passed, which is older, and what is ahead of it, oldest first. So
    the hand is where the second begins.
    """

    def __init__(self, limit):
        self.limit, self.used = limit, 0
        self.passed, self.ahead, self.visited = OrderedDict(), OrderedDict(), set()

    def hit(self, image):
        if image in self.ahead or image in self.passed:
            self.visited.add(image)
            return True
        return False

    def add(self, image, size):
        while self.used + size > self.limit:
            self._evict()
        self.ahead[image] = size
        self.used += size

    def _evict(self):
        while True:
            image, size = self.ahead.popitem(last=False)
            is_spared = image in self.visited
            if is_spared:
                self.visited.remove(image)
                self.passed[image] = size
            # Past the newest it begins anew with the oldest, before anything newer comes.
            if not self.ahead:
                self.ahead, self.passed = self.passed, self.ahead
            if not is_spared:
                self.used -= size
                return


class S3Fifo:
    """Yang et al., SOSP 2023: a tenth is a queue on probation; the main queue; names of what left the first one.

    A counter ends at 3. The names stand for as many bytes as the main queue may hold.
    """

    def __init__(self, limit):
        self.limit, self.small_limit = limit, limit // 10
        self.small, self.main, self.ghost, self.asked = OrderedDict(), OrderedDict(), OrderedDict(), {}
        self.small_used = self.main_used = self.ghost_used = 0

    def hit(self, image):
        if image not in self.asked:
            return False
        self.asked[image] = min(self.asked[image] + 1, 3)
        return True

    def add(self, image, size):
        while self.small_used + self.main_used + size > self.limit:
            if self.small_used >= self.small_limit or not self.main:
                self._evict_small()
            else:
                self._evict_main()
        self.asked[image] = 0
        if image in self.ghost:
            self.ghost_used -= self.ghost.pop(image)
            self._add_to_main(image, size)
        else:
            self.small[image] = size
            self.small_used += size

    def _evict_small(self):
        while self.small:
            image, size = self.small.popitem(last=False)
            self.small_used -= size
            if self.asked[image] <= 1:
                del self.asked[image]
                self._remember(image, size)
                return
            self.asked[image] = 0
            self._add_to_main(image, size)
            while self.main_used > self.limit - self.small_limit:
                self._evict_main()

    def _evict_main(self):
        while True:
            image, size = self.main.popitem(last=False)
            if self.asked[image] == 0:
                del self.asked[image]
                self.main_used -= size
                return
            self.asked[image] -= 1
            self.main[image] = size

    def _add_to_main(self, image, size):
        self.main[image] = size
        self.main_used += size

    def _remember(self, image, size):
        self.ghost[image] = size
        self.ghost_used += size
        while self.ghost_used > self.limit - self.small_limit:
            self.ghost_used -= self.ghost.popitem(last=False)[1]


class Gdsf:
    """Cherkasova, 1998: the lowest of clock + times asked for / size leaves; a cost of 1 makes it count requests.

    The clock is then what left last. An image that would leave at once for others to stay does not come in.
    """

    def __init__(self, limit):
        self.limit, self.used, self.clock = limit, 0, 0.0
        # The heap has a stale pair for each hit; `held` says which is true: image -> (priority, size, times).
        self.heap, self.held = [], {}

    def hit(self, image):
        if image not in self.held:
            return False
        _, size, times = self.held[image]
        self._put(image, size, times + 1)
        return True

    def add(self, image, size):
        self._put(image, size, 1)
        self.used += size
        evicted, room = [], self.limit - self.used
        while room < 0:
            victim = heapq.heappop(self.heap)
            priority, name = victim
            if name in self.held and self.held[name][0] == priority:
                evicted.append(victim)
                room += self.held[name][1]
        if any(name == image for _, name in evicted):
            self._refuse(image, evicted)
        elif evicted:
            self.clock = evicted[-1][0]
            for _, name in evicted:
                self.used -= self.held.pop(name)[1]

    def _put(self, image, size, times):
        priority = self.clock + times / size
        self.held[image] = (priority, size, times)
        heapq.heappush(self.heap, (priority, image))

    def _refuse(self, image, spared):
        self.used -= self.held.pop(image)[1]
        for entry in spared:
            if entry[1] != image:
                heapq.heappush(self.heap, entry)


class SecondHit:
    """Which images come into memory: those with a second hit in Redis, as in TieredCache.swift.

    Redis has whatever was asked for once. That a record was hit is remembered of the last 8192.
    """

    capacity = 8192

    def __init__(self):
        self.in_redis, self.candidates = set(), OrderedDict()

    def admits(self, image):
        """Called for a request that memory does not answer."""
        if image not in self.in_redis:
            self.in_redis.add(image)
            return False
        if image in self.candidates:
            return True
        self.candidates[image] = None
        if len(self.candidates) > self.capacity:
            self.candidates.popitem(last=False)
        return False


class Everything:
    """Whatever is asked for comes into memory."""

    def admits(self, image):
        return True
