extension StatusPage {
    /// Elements, numbers as people read them, and what was counted between two answers of `P/stats`.
    static let numbers = #"""
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
        """#
}
