// Draws one tag's samples. A gap in the data stays a gap: only good values are joined by a line.

const chart = document.getElementById("chart");

// Times as on every page: the facility's own, whatever the browser's zone.
const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo", dateStyle: "short", timeStyle: "medium" });
const shown = (seconds) => clock.format(new Date(seconds * 1000));

async function draw() {
  const answer = await fetch(chart.dataset.source, { headers: { accept: "application/json" } });
  if (!answer.ok) {
    chart.textContent = chart.dataset.failed;
    return;
  }
  const { times, values, unit, title } = await answer.json();
  if (times.length === 0) {
    chart.textContent = chart.dataset.empty;
    return;
  }
  const ink = "#1d252b";
  const axis = { stroke: ink, grid: { stroke: "#d5d9dc", width: 1 } };
  const options = {
    width: chart.clientWidth - 16,
    height: 340,
    padding: [null, 70, null, null],
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "Asia/Tokyo"),
    series: [{ label: chart.dataset.time, value: (_, seconds) => (seconds == null ? "" : shown(seconds)) }, { label: `${title} ${unit}`, stroke: ink, width: 1.5, points: { show: times.length < 200 } }],
    axes: [{ ...axis, values: (_, splits) => splits.map(shown), space: 130 }, axis],
    scales: { x: { time: true } },
    cursor: { drag: { x: true, y: false } },
  };
  chart.textContent = "";
  new window.uPlot(options, [times, values], chart);
}

addEventListener("load", draw);
