extension StatusPage {
    /// All of it. Raw strings: what looks like an escape in them is one of JavaScript's.
    static let script = [numbers, plots, cards, problems, polling].joined(separator: "\n\n")

    /// What is shown in the cards, and in which words.
    private static let cards = #"""
        const words = { cached: 'cached', too_large: 'too large for the cache', not_storable: 'its origin forbids it',
          over_budget: 'too much was waiting', failed: 'the cache did not take it' };
        const isUpstream = label => label.startsWith('upstream.');
        const failureWords = label => isUpstream(label) ? 'origin: ' + label.slice(9).replace(/-/g, ' ')
          : label.replace(/-/g, ' ');

        // Each percentile of the last minutes in words, and over time: on a logarithmic scale, since the slowest are often a
        // hundred times slower than most.
        function drawLatency(id, kind, all, change, smooth) {
          const recent = change && sum(change.latency(kind)) ? change.latency(kind) : all.latency[kind].counts;
          const ranks = [0.5, 0.9, 0.99], [half, most, nearlyAll] = ranks.map(rank => quantile(rank, recent));
          const series = ranks.map(rank => smooth.map(step => quantile(rank, step.latency(kind))));
          const points = series.flat().filter(point => point !== null);
          const bottom = Math.max(1, Math.min(...points) / 2), top = Math.max(...points) * 1.2;
          plot(id, time(half), half === null ? 'none yet' : '90 % in ' + time(most) + ', 99 % in ' + time(nearlyAll),
            series, time, { names: ['half', '90 %', '99 %'], ...(points.length ? { bottom, top } : {}) });
        }
        // What origins did wrong, each second, the most frequent classes by themselves.
        function drawUpstream(all, change, smooth) {
          const recent = change ? change.labelsSince('failures') : all.failures;
          const labels = Object.keys(recent).filter(label => isUpstream(label) && recent[label] > 0)
            .sort((a, b) => recent[b] - recent[a]);
          const named = labels.slice(0, labels.length > 4 ? 3 : 4), others = labels.slice(named.length);
          const groups = [...named.map(label => [label]), ...(others.length ? [others] : [])];
          const total = of => sum(Object.keys(of).filter(isUpstream).map(label => of[label]));
          const rate = step => {
            const failures = step.labelsSince('failures');
            return groups.map(group => sum(group.map(label => failures[label] || 0)) / step.seconds);
          };
          const rates = smooth.map(rate);
          plot('upstream', count(total(recent)), change ? 'in the last ' + span(change.seconds * 1000) + '; '
            + count(total(all.failures)) + ' in all' : 'since the counting began',
            groups.length ? groups.map((_, index) => rates.map(step => step[index])) : [smooth.map(() => 0)],
            number => count(number) + '/s', { names: groups.map((group, index) => (index < named.length
              ? failureWords(group[0]).slice(8) : 'others') + ' ' + count(sum(group.map(label => recent[label])))) });
        }

        function drawRecent(data) {
          const card = emptied('recent');
          if (!data.recent.length) return make(card, 'p', 'note', 'No image has been fetched since the start.');
          const table = make(card, 'table'), head = make(make(table, 'thead'), 'tr'), body = make(table, 'tbody');
          for (const name of ['Time', 'Decision', 'Size', 'Type', 'Image']) make(head, 'th', '', name);
          for (const decision of data.recent) {
            const row = make(body, 'tr');
            make(row, 'td', 'plain', clock(decision.time));
            make(row, 'td', '', (words[decision.decision] || decision.decision)
              + (decision.reason ? ' (' + decision.reason + ')' : ''));
            make(row, 'td', 'plain', bytes(decision.size));
            make(row, 'td', 'plain', decision.type);
            make(row, 'td', 'url', decision.url);
          }
        }
        """#

    /// Asks for the numbers, and draws them.
    private static let polling = #"""
        function draw() {
          const data = samples[samples.length - 1], each = steps(1);
          // As much as there is at first, so that nobody looks at empty plots.
          const smooth = steps(Math.max(1, Math.min(5, samples.length >> 1)));
          const change = samples.length > 1 ? between(samples[0], data) : null;
          const now = each[each.length - 1], all = counters(data), rates = smooth.map(hitRate);
          const scope = data.host ? 'all processes of ' + data.host.name : 'this process';
          byId('about').textContent = 'version ' + data.process.version + ', up ' + span(data.process.time
            - data.process.startedAt) + ', counters of ' + scope + ', at ' + clock(data.process.time);
          plot('hitRate', percent(change ? hitRate(change) ?? all.hitRate : all.hitRate),
            all.hitRate === null ? 'no image has been asked for' : percent(all.hitRate) + ' since the counting began',
            [rates], percent, { top: 1 });
          plot('requests', now ? count(now.since('requests') / now.seconds) : '–', count(all.requests) + ' in all',
            [each.map(step => step.since('requests') / step.seconds)], count);
          for (const [id, kind] of [['hitLatency', 'hit'], ['missLatency', 'miss']]) drawLatency(id, kind, all, change, smooth);
          drawUpstream(all, change, smooth);
          plot('memory', bytes(data.process.residentMemory), bytes(data.process.memoryCacheBytes) + ' are images at hand',
            [samples.map(sample => sample.process.residentMemory)], bytes);
          const { redis, folder } = data, shared = data.cacheKind === 'folder';
          byId('shared').firstElementChild.textContent = shared ? 'Folder of the cache' : 'Memory of Redis';
          if (shared) plot('shared', bytes(folder ? folder.usedBytes : null), !folder ? 'not known' : 'of ' + bytes(folder.maxBytes)
            + ', files: ' + count(folder.files) + ', given up for room: ' + count(all.folderEvictions),
            [samples.map(sample => sample.folder ? sample.folder.usedBytes : null)], bytes,
            { top: folder && folder.maxBytes || undefined });
          else plot('shared', bytes(redis ? redis.usedMemory : null), !redis ? 'not known'
            : redis.maxMemory ? 'of ' + bytes(redis.maxMemory) + ', ' + redis.evictionPolicy : 'without a limit',
            [samples.map(sample => sample.redis ? sample.redis.usedMemory : null)], bytes,
            { top: redis && redis.maxMemory || undefined });
          list('traffic', [['sent to clients', bytes(all.bytesServed)], ['read from origins', bytes(all.bytesFetched)],
            ['spared the origins', bytes(all.bytesSaved)], ['served stale', count(all.stale)],
            ['waited for another', count(all.collapsed)], ['still good, said origins', count(all.revalidated)]]);
          const age = data.process.time - data.countedAt;
          if (data.cacheKind === 'off') list('contents', [], 'There is no cache.');
          else if (!data.cacheAvailable) list('contents', [], 'Not known while '
            + (shared ? 'the folder cannot be used.' : 'Redis is away.'));
          else list('contents', [['images', count(data.totalImages)], ['bytes', bytes(data.totalSize)],
            ...Object.entries(data.types).sort((a, b) => b[1].images - a[1].images).slice(0, 4)
              .map(([type, share]) => [type, count(share.images)]),
            ['oldest', data.oldestCache ? span(data.process.time - data.oldestCache) : '–'],
            ['counted', data.countIsEstimate ? 'not yet: estimated' : age < 1000 ? 'now'
              : span(age) + ' ago' + (data.countIsCurrent ? ', nothing new since' : '')]]);
          drawSizes(data);
          list('failures', Object.entries(all.failures).sort((a, b) => b[1] - a[1]).slice(0, 8)
            .map(([label, number]) => [failureWords(label), count(number)]), 'Nothing yet.');
          list('decided', Object.entries(all.decisions).map(([kind, number]) => [words[kind] || kind, count(number)]));
          drawRecent(data);
          const [found, hints] = problems(data, change);
          const since = change ? 'In the last ' + span(data.process.time - samples[0].process.time) : 'Now';
          say(found, hints, since + (hints.length ? ' nothing is wrong here. Worth knowing:' : ', all is well.'), since + ':');
        }

        async function poll() {
          try {
            const answer = await fetch(address, { cache: 'no-store', signal: AbortSignal.timeout(5000) });
            if (!answer.ok) throw new Error('it answers ' + answer.status);
            const data = await answer.json(), last = samples[samples.length - 1];
            // Counters that went back are of another process, or of another time.
            if (last && !areComparable(last, data)) samples.length = 0;
            while (samples.length && !areComparable(samples[0], data)) samples.shift();
            samples.push(data);
            if (samples.length > kept) samples.shift();
            lastAnswer = Date.now();
            draw();
          } catch (problem) {
            say(['The statistics cannot be read' + (lastAnswer ? ' since ' + clock(lastAnswer) : '') + ': '
              + problem.message + '.'], [], '');
          }
          document.body.dataset.polls = Number(document.body.dataset.polls || 0) + 1;
          setTimeout(poll, pollEvery);
        }
        poll();
        """#
}
