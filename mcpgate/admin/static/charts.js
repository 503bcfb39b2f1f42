// Draws tables: each table[data-chart] has the time in the first cell of a row and counts in the others.
// The table stays what it is, for readers of screens, for print and for whoever wants the numbers.
"use strict";

(() => {
  const drawn = new Map();

  // What a custom property is just now, in light or dark, as a canvas understands it.
  function colour(name) {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    probe.hidden = true;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function read(table) {
    const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent.trim());
    // The table has the latest first.
    const rows = [...table.tBodies[0].rows].filter((row) => row.querySelector("time")).reverse();
    const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
    const series = names.map((_, at) => rows.map((row) => Number(row.cells[at + 1].dataset.value)));
    return { names, times, series };
  }

  // Each on top of those before it.
  function piled(series) {
    const sums = [];
    series.forEach((values, at) => sums.push(values.map((value, i) => value + (at ? sums[at - 1][i] : 0))));
    return sums;
  }

  const two = (number) => String(number).padStart(2, "0");

  function clock(seconds, step) {
    const at = new Date(seconds * 1000);
    const day = `${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
    const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
    return step >= 86400 || time === "00:00" ? day : time;
  }

  function draw(table) {
    const { names, times, series } = read(table);
    drawn.get(table)?.destroy();
    const place = document.getElementById(table.dataset.chart);
    if (!place || times.length < 2) return;
    place.hidden = false;
    const ink = colour("--muted");
    const line = colour("--line");
    const sums = piled(series);
    // The highest pile first: the lower ones are drawn over it.
    const order = names.map((_, at) => at).reverse();
    const step = times[1] - times[0];
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const plot = new uPlot(
      {
        width: place.clientWidth,
        height: Math.max(place.clientHeight - 30, 140),
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        padding: [8, 20, 0, 0],
        cursor: { y: false, points: { show: false } },
        scales: { x: { range: (_, low, high) => [low - step / 2, high + step / 2] }, y: { range: (_, low, high) => [0, Math.max(high, 1)] } },
        axes: [
          { ...axis, grid: { show: false }, size: 28, values: (_, splits, axisAt, space, incr) => splits.map((at) => clock(at, incr)) },
          { ...axis, size: 56, values: (_, splits) => splits.map((n) => (Number.isInteger(n) ? n.toLocaleString("en") : "")) },
        ],
        series: [
          { label: "time (UTC)", value: (_, at) => (at == null ? "–" : new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ")) },
          ...order.map((at) => ({
            label: names[at],
            fill: colour(`--hue-${at + 1}`),
            width: 0,
            points: { show: false },
            paths: uPlot.paths.bars({ size: [0.82, 60] }),
            value: (_, v, index, i) => (i == null ? "–" : series[at][i].toLocaleString("en")),
          })),
        ],
        legend: { markers: { fill: (_, index) => (index ? colour(`--hue-${order[index - 1] + 1}`) : "transparent"), width: 0 } },
      },
      [times, ...order.map((at) => sums[at])],
      place,
    );
    // The legend in the order of the table.
    place.querySelectorAll(".u-legend tr").forEach((row, at) => (row.style.order = at ? names.length - at : -1));
    drawn.set(table, plot);
  }

  function drawAll() {
    for (const [table, plot] of drawn) {
      if (!table.isConnected) {
        plot.destroy();
        drawn.delete(table);
      }
    }
    document.querySelectorAll("table[data-chart]").forEach(draw);
  }

  let resizing = 0;
  addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(drawAll, 150);
  });
  document.addEventListener("theme", drawAll);
  document.addEventListener("fresh", (event) => {
    if (event.target.querySelector("table[data-chart]")) drawAll();
  });
  document.addEventListener("DOMContentLoaded", drawAll);
})();
