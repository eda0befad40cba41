extension StatusPage {
    static let style = """

        :root {
          color-scheme: light dark;
          --ground: #f6f7f9; --card: #fff; --line: #e3e6eb; --text: #1d2530; --quiet: #5b6675;
          --one: #2563a8; --two: #b4560f; --three: #7a3fa0; --four: #4d7d1e; --good: #1f7a4d; --bad: #b3261e; --badGround: #fdecea; --goodGround: #e8f5ee;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #12161c; --card: #1a2029; --line: #2b333f; --text: #e4e8ee; --quiet: #9aa6b5;
            --one: #6fb1f5; --two: #f0a25e; --three: #cf9df2; --four: #a8d672; --good: #6ed3a0; --bad: #ff9b92; --badGround: #3a1f1d; --goodGround: #17301f;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; padding: 20px; max-width: 1320px; background: var(--ground); color: var(--text);
          font: 15px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums;
        }
        header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px; }
        h1 { margin: 0; font-size: 20px; }
        h2 { margin: 0 0 6px; font-size: 13px; font-weight: 600; color: var(--quiet); }
        p { margin: 0; }
        a { color: var(--one); }
        #about { color: var(--quiet); }
        #state { margin: 14px 0; padding: 12px 16px; border-radius: 10px; background: var(--card); }
        #state.good { background: var(--goodGround); color: var(--good); }
        #state.bad { background: var(--badGround); color: var(--bad); }
        #state p { overflow-wrap: anywhere; }
        #state p + p { margin-top: 6px; }
        #state .hint, #state .when { color: var(--quiet); }
        main { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 14px; }
        .card {
          min-width: 0; padding: 14px 16px; border: 1px solid var(--line); border-radius: 10px; background: var(--card);
        }
        .wide { grid-column: span 2; }
        .full { grid-column: 1 / -1; }
        .value { font-size: 26px; font-weight: 600; line-height: 1.2; }
        .note { color: var(--quiet); font-size: 13px; min-height: 1.45em; overflow-wrap: anywhere; }
        svg { display: block; width: 100%; height: 72px; overflow: visible; }
        svg.tall { height: 132px; margin-top: 8px; }
        .axis { stroke: var(--line); }
        .grid { stroke: var(--line); stroke-dasharray: 2 4; }
        .first { stroke: var(--one); fill: none; }
        .second { stroke: var(--two); fill: none; }
        .third { stroke: var(--three); fill: none; }
        .fourth { stroke: var(--four); fill: none; }
        .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin-top: 6px; font-size: 12px; color: var(--quiet); }
        .legend span { display: flex; align-items: center; gap: 6px; }
        .legend i { flex: none; width: 14px; height: 3px; border-radius: 2px; }
        i.first { background: var(--one); }
        i.second { background: var(--two); }
        i.third { background: var(--three); }
        i.fourth { background: var(--four); }
        .bar { fill: var(--one); }
        .bar.beyond { fill: var(--two); }
        .gate { stroke: var(--bad); stroke-dasharray: 4 3; }
        .scale { display: flex; justify-content: space-between; color: var(--quiet); font-size: 12px; }
        .scale.upper { justify-content: flex-end; min-height: 1.45em; margin-top: 4px; }
        dl { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 4px 12px; margin: 0; }
        dt { color: var(--quiet); overflow-wrap: anywhere; }
        dd { margin: 0; text-align: right; }
        table { width: 100%; border-collapse: collapse; font-size: 13px; }
        th { text-align: left; font-weight: 600; color: var(--quiet); }
        th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        td.url { overflow-wrap: anywhere; }
        td.plain { white-space: nowrap; }
        @media (max-width: 1000px) { main { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
        @media (max-width: 600px) {
          body { padding: 12px; }
          main { grid-template-columns: minmax(0, 1fr); }
          .wide { grid-column: auto; }
          thead { display: none; }
          tr { display: block; padding: 6px 0; border-bottom: 1px solid var(--line); }
          td, td.plain { display: inline-block; padding: 0 8px 0 0; border: 0; }
          td.url { display: block; }
        }

        """
}
