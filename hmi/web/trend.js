// Draws one tag's trend. A gap in the data stays a gap: it is hatched, and listed with its cause below the chart.

const chart = document.getElementById("chart");
const list = document.getElementById("gaps");
// More gaps than this are in the chart, but not in the list.
const LISTED = 200;

// Times as on every page: the facility's own, whatever the browser's zone.
const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo", dateStyle: "short", timeStyle: "medium" });
const shown = (seconds) => clock.format(new Date(seconds * 1000));

// Fills the stretches of time behind the line: hatched without a value, tinted where values are uncertain.
function behind(gaps, uncertain) {
  return (plot) => {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    const stretch = (span, paint) => {
      const from = Math.max(plot.valToPos(span.from, "x", true), left);
      const until = Math.min(plot.valToPos(span.until, "x", true), left + width);
      if (until >= from) paint(from, Math.max(until - from, 1));
    };
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.fillStyle = "#f3e6c4";
    uncertain.forEach((span) => stretch(span, (x, wide) => ctx.fillRect(x, top, wide, height)));
    ctx.strokeStyle = "#8a949b";
    ctx.lineWidth = 1;
    gaps.forEach((span) => stretch(span, (x, wide) => {
      ctx.save();
      ctx.beginPath();
      ctx.rect(x, top, wide, height);
      ctx.clip();
      ctx.beginPath();
      for (let at = x - height; at < x + wide; at += 8) {
        ctx.moveTo(at, top + height);
        ctx.lineTo(at + height, top);
      }
      ctx.stroke();
      ctx.restore();
    }));
    ctx.restore();
  };
}

function tell(gaps, uncertain) {
  const all = [...gaps, ...uncertain].sort((a, b) => a.from - b.from).slice(0, LISTED);
  const body = list.tBodies[0];
  body.replaceChildren(...all.map((span) => {
    const row = document.createElement("tr");
    for (const text of [shown(span.from), shown(span.until), span.why]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return row;
  }));
  list.hidden = all.length === 0;
}

async function draw() {
  const answer = await fetch(chart.dataset.source, { headers: { accept: "application/json" } });
  if (!answer.ok) {
    chart.textContent = chart.dataset.failed;
    return;
  }
  const { times, values, unit, title, gaps, uncertain, from, until } = await answer.json();
  tell(gaps, uncertain);
  if (times.length === 0 && gaps.length === 0) {
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
    scales: { x: { time: true, range: (_, low, high) => (low == null || low === high ? [from, until] : [low, high]) } },
    cursor: { drag: { x: true, y: false } },
    hooks: { drawClear: [behind(gaps, uncertain)] },
  };
  chart.textContent = "";
  new window.uPlot(options, [times, values], chart);
}

addEventListener("load", draw);
