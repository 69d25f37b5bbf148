// The throughput curve of a run: one line from 0, UTC. It reads its points from #live-points, which each poll replaces;
// the chart itself is never swapped, so it keeps its size and the pointer.
"use strict";
(() => {
  const HEIGHT = 200;
  let chart = null;

  const colour = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
  const resolved = (element, name) => { // canvas knows no light-dark(): let the browser compute the colour
    const probe = document.createElement("span");
    probe.hidden = true;
    probe.style.color = `var(${name})`;
    element.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };

  const readPoints = () => {
    const node = document.getElementById("live-points");
    try {
      return node ? JSON.parse(node.dataset.points) : [[], []];
    } catch {
      return [[], []];
    }
  };

  const utc = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);

  // A run that was cut off: a dashed line at the last heartbeat, with its words.
  const cutPlugin = (node) => ({
    hooks: {
      draw: [(plot) => {
        const at = Number(node.dataset.cut);
        if (!at) return;
        const x = plot.valToPos(at, "x", true);
        const { top, height, left, width } = plot.bbox;
        if (x < left || x > left + width) return;
        const context = plot.ctx;
        context.save();
        context.strokeStyle = context.fillStyle = resolved(node, "--warn");
        context.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
        context.beginPath();
        context.moveTo(x, top);
        context.lineTo(x, top + height);
        context.stroke();
        context.textAlign = x > left + width / 2 ? "right" : "left";
        context.font = `${11 * devicePixelRatio}px sans-serif`;
        context.fillText(` ${node.dataset.cutWords} `, x, top + 12 * devicePixelRatio);
        context.restore();
      }],
    },
  });

  // Under the mouse: when, and how fast, in words beside the title.
  const pointAt = (plot) => {
    const words = document.getElementById("chart-at");
    const { idx } = plot.cursor;
    const [at, rate] = idx === null || idx === undefined ? [] : plot.data.map((values) => values[idx]);
    if (words) words.textContent = typeof rate === "number" ? `${utc(at)} · ${rate.toFixed(2)} MB/s` : "";
  };

  const options = (node) => {
    const line = resolved(node, "--accent");
    const text = resolved(node, "--idle");
    const grid = resolved(node, "--line");
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: `11px ${colour(node, "--sans") || "sans-serif"}` };
    return {
      width: Math.max(240, node.clientWidth - 32),
      height: HEIGHT,
      padding: [10, 28, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true }, y: { range: (_, __, highest) => [0, Math.max(1, (highest || 0) * 1.15)] } },
      axes: [
        { ...axis, grid: { show: false }, values: (_, ticks) => ticks.map(utc), space: 90, size: 28 },
        { ...axis, size: 44 },
      ],
      series: [{}, { stroke: line, width: 1.5, fill: line.replace(/^rgb\((.*)\)$/, "rgba($1, .08)"), points: { show: false } }],
      plugins: [cutPlugin(node), { hooks: { setCursor: [pointAt] } }],
    };
  };

  const withCut = (node, points) => { // leave room to the right of the cut, so that the stop can be seen
    const at = Number(node.dataset.cut);
    const last = points[0].at(-1);
    if (!at || !last || last >= at + 20) return points;
    return [[...points[0], at + 30], [...points[1], null]];
  };

  const draw = () => {
    const node = document.getElementById("chart");
    if (!node || !window.uPlot) return;
    if (chart) chart.destroy();
    node.replaceChildren();
    const points = withCut(node, readPoints());
    if (points[0].length < 2) {
      chart = null;
      const words = document.createElement("p");
      words.className = "meta";
      words.textContent = "The curve starts with the copy.";
      node.append(words);
      return;
    }
    chart = new window.uPlot(options(node), points, node);
  };

  const update = () => {
    const points = readPoints();
    if (chart && points[0].length > 1) chart.setData(withCut(document.getElementById("chart"), points));
    else draw();
  };

  const begin = () => {
    const card = document.getElementById("throughput");
    if (!card) return;
    draw();
    new MutationObserver((changes) => {
      const isNews = changes.some((change) => [...change.addedNodes].some((node) => node.id === "live-points"));
      if (isNews) update();
    }).observe(card, { childList: true, subtree: true });
    document.fonts?.ready.then(draw);
    new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
    addEventListener("resize", draw);
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
