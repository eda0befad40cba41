extension StatusPage {
    /// What is wrong, said before everything else.
    static let problems = #"""
        // What is wrong, in words, the worst first.
        function problems(data, change) {
          const found = [], hints = [], { redis, folder } = data;
          const why = data.cacheProblem ? ' (' + data.cacheProblem + ')' : '';
          if (data.cacheKind === 'off') hints.push('There is no cache: every image comes from its origin.');
          else if (!data.cacheAvailable) found.push((data.cacheKind === 'folder' ? 'The cache\'s folder cannot be used' + why
            : 'Redis is away' + why) + ': images come from the memory of this process, or from their origins.');
          else if (folder && folder.problem) found.push('Nothing can be written to the cache\'s folder (' + folder.problem
            + '): what is in it is served, and nothing new is stored.');
          if (change) {
            const asked = change.since('hits') + change.since('misses'), failures = change.labelsSince('failures');
            const origin = Object.entries(failures).filter(([label, number]) =>
              number > 0 && isUpstream(label) && label !== 'upstream.missing').sort((a, b) => b[1] - a[1]);
            const failed = sum(origin.map(([, number]) => number));
            if (failed > 0) (failed >= asked / 20 ? found : hints).push(count(failed) + ' of ' + count(asked)
              + ' requests failed because of their origins, most of them: ' + failureWords(origin[0][0]).slice(8) + '.');
            if (failures.overloaded > 0) found.push(count(failures.overloaded)
              + ' requests were turned away, because too many were waiting.');
            if (change.since('cacheFailures') > 0) found.push(folder
              ? count(change.since('cacheFailures')) + ' reads or writes in the cache\'s folder failed.'
              : 'Redis did not answer, or refused: ' + count(change.since('cacheFailures')) + ' of its commands.');
            if (change.since('storeFailures') > 0) found.push(count(change.since('storeFailures'))
              + ' images could not be put into the cache.');
            if (change.since('overBudget') > 0) found.push(count(change.since('overBudget'))
              + ' images were not cached, because too much was waiting for the cache.');
            const rate = hitRate(change);
            if (asked >= 200 && rate < 0.5) found.push('Only ' + percent(rate) + ' of the requests were hits.');
            const slow = quantile(0.99, change.latency('hit'));
            if (slow > 250000) found.push('One hit in a hundred takes more than ' + time(slow) + '.');
            if (change.since('damagedRecords') > 0) found.push(count(change.since('damagedRecords'))
              + ' records in the cache could not be used, and are replaced.');
            const fetched = sum(change.sizes), large = change.since('tooLarge');
            if (fetched >= 20 && large >= fetched / 5) hints.push(count(large) + ' of ' + count(fetched)
              + ' fetched images are larger than the gate, ' + bytes(data.process.maxCacheSize)
              + ', and are fetched again each time.');
          }
          if (redis && redis.maxMemory > 0 && redis.usedMemory > 0.9 * redis.maxMemory) {
            const policy = redis.evictionPolicy === 'noeviction' ? 'refuses what is new (maxmemory-policy noeviction).'
              : 'gives up keys (' + redis.evictionPolicy + ').';
            (redis.evictionPolicy === 'noeviction' ? found : hints).push('Redis has ' + percent(redis.usedMemory
              / redis.maxMemory) + ' of its memory in use and, when it is full, ' + policy);
          }
          if (folder && folder.diskFreeBytes !== null && folder.diskFreeBytes < folder.maxBytes - folder.usedBytes)
            hints.push('The disk of the cache\'s folder has ' + bytes(folder.diskFreeBytes) + ' left: it will be full before '
              + 'the cache has reached its limit, ' + bytes(folder.maxBytes) + '.');
          if (change && folder && change.since('folderEvictions') > 0) hints.push('The cache gave up '
            + count(change.since('folderEvictions')) + ' images for want of room.');
          if (redis && redis.maxMemory === 0) hints.push('Redis has no memory limit (maxmemory is 0).');
          if (samples.length > 1 && redis && samples[0].redis && redis.evictedKeys > samples[0].redis.evictedKeys)
            hints.push('Redis gave up ' + count(redis.evictedKeys - samples[0].redis.evictedKeys) + ' keys for want of room.');
          return [found, hints];
        }
        function say(found, hints, well, since) {
          const state = byId('state');
          state.replaceChildren();
          state.className = found.length ? 'bad' : 'good';
          if (since && found.length) make(state, 'p', 'when', since);
          for (const text of found.length ? found : [well]) make(state, 'p', '', text);
          for (const text of hints) make(state, 'p', 'hint', text);
        }
        """#
}
