extension StatusPage {
    /// A raw string: what looks like an escape is one of JavaScript's.
    static let script = #"""
        const pollEvery = 2000, kept = 151;
        const address = location.pathname.replace(/status\/*$/, 'stats');
        const samples = [];
        let lastAnswer = null;

        const byId = id => document.getElementById(id);
        const sum = numbers => numbers.reduce((a, b) => a + b, 0);

        function make(parent, name, className, text) {
          const element = document.createElement(name);
          if (className) element.className = className;
          if (text !== undefined) element.textContent = text;
          parent.append(element);
          return element;
        }
        function makeSVG(parent, name, attributes) {
          const element = document.createElementNS('http://www.w3.org/2000/svg', name);
          for (const key in attributes) element.setAttribute(key, attributes[key]);
          parent.append(element);
          return element;
        }
        function emptied(id) {
          const card = byId(id);
          while (card.children.length > 1) card.lastElementChild.remove();
          return card;
        }

        // Numbers as people read them.
        const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
        const count = number => number === null ? '–' : plain.format(number);
        const percent = part => part === null ? '–' : plain.format(part * 100) + ' %';
        function bytes(number) {
          if (number === null) return '–';
          const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
          let unit = 0;
          while (number >= 1024 && unit < units.length - 1) { number /= 1024; unit += 1; }
          return plain.format(number) + ' ' + units[unit];
        }
        function time(microseconds) {
          if (microseconds === null) return '–';
          if (microseconds < 1000) return Math.round(microseconds) + ' µs';
          return microseconds < 1e6 ? plain.format(microseconds / 1000) + ' ms' : plain.format(microseconds / 1e6) + ' s';
        }
        const clock = milliseconds => new Date(milliseconds).toLocaleTimeString();
        function span(milliseconds) {
          const seconds = Math.max(0, Math.round(milliseconds / 1000));
          if (seconds < 120) return seconds + ' s';
          if (seconds < 7200) return Math.round(seconds / 60) + ' min';
          return seconds < 172800 ? Math.round(seconds / 3600) + ' h' : Math.round(seconds / 86400) + ' days';
        }

        // The counters of all processes of the host, where they are known; else of the one that answers.
        const counters = data => data.host || data;

        // Those of the host where both have them. Else those of the process, if it is the same: while Redis is away, the
        // plots go on.
        const pair = (from, to) => from.host && to.host ? [from.host, to.host] : [from, to];
        function areComparable(from, to) {
          const [a, b] = pair(from, to);
          return b.requests >= a.requests
            && (Boolean(from.host && to.host) || from.process.identifier === to.process.identifier);
        }
        function between(from, to) {
          const [a, b] = pair(from, to);
          const seconds = Math.max(0.001, (to.process.time - from.process.time) / 1000);
          const since = name => b[name] - a[name];
          const bucketsSince = (x, y) => y.map((number, index) => number - x[index]);
          const labelsSince = name => Object.fromEntries(
            Object.entries(b[name]).map(([label, number]) => [label, number - (a[name][label] || 0)]));
          const latency = kind => bucketsSince(a.latency[kind].counts, b.latency[kind].counts);
          return { seconds, since, labelsSince, latency, sizes: bucketsSince(a.fetchedSizes, b.fetchedSizes) };
        }
        const hitRate = change => {
          const asked = change.since('hits') + change.since('misses');
          return asked > 0 ? change.since('hits') / asked : null;
        };
        function quantile(rank, counts) {
          const wanted = rank * sum(counts);
          if (wanted === 0) return null;
          let before = 0;
          for (let index = 0; index < timeBounds.length; index += 1) {
            const inside = counts[index];
            if (inside > 0 && before + inside >= wanted) {
              const from = index ? timeBounds[index - 1] : 0;
              return from + (timeBounds[index] - from) * (wanted - before) / inside;
            }
            before += inside;
          }
          return timeBounds[timeBounds.length - 1];
        }
        // Over some seconds each: a percentile of two seconds would jump.
        const steps = width => samples.slice(width).map((sample, index) => between(samples[index], sample));

        // Plots, of as much time as there is: a minute at least, five at most.
        const shown = () => Math.max(30, samples.length - 1);
        // Where a number lies between the bottom of a plot, 0, and its top, 1.
        const linear = top => number => Math.min(1, number / top);
        const logarithmic = (bottom, top) => number =>
          Math.min(1, Math.max(0, Math.log(number / bottom) / Math.log(top / bottom)));
        function line(svg, points, place, className) {
          let path = '', isDrawing = false;
          points.forEach((point, index) => {
            if (point === null) { isDrawing = false; return; }
            const x = 300 - (points.length - 1 - index) * 300 / shown(), y = 70 - 68 * place(point);
            path += (isDrawing ? 'L' : 'M') + x.toFixed(1) + ' ' + y.toFixed(1);
            isDrawing = true;
          });
          makeSVG(svg, 'path', { d: path, class: className, 'stroke-width': 2, 'vector-effect': 'non-scaling-stroke',
            'stroke-linecap': 'round' });
        }
        const classes = ['first', 'second', 'third', 'fourth'];
        // `series` are lists of points, oldest first; `names` of them where there are several. `top` is the number at the top
        // of the plot; with a `bottom` the scale is logarithmic.
        function plot(id, value, note, series, format, { names = [], top, bottom } = {}) {
          const card = emptied(id), points = series.flat().filter(point => point !== null);
          make(card, 'p', 'value', value);
          make(card, 'p', 'note', note);
          const largest = top || Math.max(1e-9, ...points), isEmpty = largest <= 1e-9;
          make(make(card, 'div', 'scale upper'), 'span', '', isEmpty ? '' : format(largest));
          const svg = makeSVG(card, 'svg', { viewBox: '0 0 300 72', preserveAspectRatio: 'none', role: 'img',
            'aria-label': card.firstElementChild.textContent + ' ' + value });
          makeSVG(svg, 'path', { d: 'M0 1H300', class: 'grid', 'vector-effect': 'non-scaling-stroke' });
          makeSVG(svg, 'path', { d: 'M0 71H300', class: 'axis', 'vector-effect': 'non-scaling-stroke' });
          const place = bottom ? logarithmic(bottom, largest) : linear(largest);
          series.forEach((points, index) => line(svg, points, place, classes[index]));
          const scale = make(card, 'div', 'scale');
          make(scale, 'span', '', span(shown() * pollEvery) + ' ago');
          make(scale, 'span', '', isEmpty ? '' : format(bottom || 0));
          if (names.length) {
            const legend = make(card, 'p', 'legend');
            names.forEach((name, index) => {
              const entry = make(legend, 'span');
              make(entry, 'i', classes[index]);
              entry.append(name);
            });
          }
        }
        function list(id, rows, nothing) {
          const card = emptied(id);
          if (!rows.length) return make(card, 'p', 'note', nothing);
          const terms = make(card, 'dl');
          for (const [name, value] of rows) { make(terms, 'dt', '', name); make(terms, 'dd', '', value); }
        }
        function drawSizes(data) {
          const counts = counters(data).fetchedSizes, gate = data.process.maxCacheSize, card = emptied('sizes');
          const total = sum(counts), largest = Math.max(1, ...counts), width = 600 / counts.length;
          const place = Math.min(counts.length - 1, Math.max(0, Math.log2(gate / 1024) + 1));
          const beyond = sum(counts.filter((_, index) => index && sizeBounds[index - 1] >= gate));
          make(card, 'p', 'note', total ? count(total) + ' images; the gate is at ' + bytes(gate) + ', and '
            + percent(beyond / total) + ' lie wholly beyond it' : 'No image has been fetched yet; the gate is at ' + bytes(gate));
          const svg = makeSVG(card, 'svg', { viewBox: '0 0 600 132', preserveAspectRatio: 'none', class: 'tall', role: 'img',
            'aria-label': 'sizes of fetched images' });
          counts.forEach((number, index) => {
            const height = number ? Math.max(2, 126 * number / largest) : 0;
            const isBeyond = index && sizeBounds[index - 1] >= gate;
            makeSVG(svg, 'rect', { x: index * width + 2, width: width - 4, y: 130 - height, height, rx: 2,
              class: isBeyond ? 'bar beyond' : 'bar' });
          });
          makeSVG(svg, 'path', { d: 'M0 131H600', class: 'axis', 'vector-effect': 'non-scaling-stroke' });
          makeSVG(svg, 'path', { d: 'M' + (place * width).toFixed(1) + ' 0V131', class: 'gate', 'stroke-width': 2,
            'vector-effect': 'non-scaling-stroke' });
          const scale = make(card, 'div', 'scale');
          for (const text of ['to 1 KiB', '16 KiB', '256 KiB', '4 MiB', 'more']) make(scale, 'span', '', text);
        }

        const words = { cached: 'cached', too_large: 'too large for the cache', not_storable: 'its origin forbids it',
          over_budget: 'too much was waiting', failed: 'the cache did not take it' };
        const failureWords = label => label.startsWith('upstream.') ? 'origin: ' + label.slice(9).replace(/-/g, ' ')
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
        const isUpstream = label => label.startsWith('upstream.');
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
          }
          if (change) {
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
