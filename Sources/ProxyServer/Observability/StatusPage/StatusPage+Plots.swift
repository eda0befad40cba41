extension StatusPage {
    /// Plots and lists, into the card of an `id`: they know nothing of what they show.
    static let plots = #"""
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
        """#
}
