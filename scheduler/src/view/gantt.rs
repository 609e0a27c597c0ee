//! A plan as a picture: an SVG text with one row per suite and one bar per hold, for the planner or
//! for one tenant.
//!
//! A tenant's picture is drawn from busy stretches only, run together, so that it tells neither
//! whose they are nor where one batch ends and the next begins. Nothing is interactive here.

use std::fmt::Write as _;

use crate::index::{BatchIx, SuiteIx, TenantIx};
use crate::plan::Plan;
use crate::problem::{Batch, Problem};
use crate::spec::{Slot, Window};
use crate::view::when;

/// For whom a plan is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GanttView {
    /// The facility: every batch by its id.
    Planner,
    /// One tenant: its own batches by id, all else as not available.
    Tenant(TenantIx),
}

/// The words in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GanttWords {
    /// Language of the words, as HTML has it.
    pub language: &'static str,
    /// A suite that is not free.
    pub busy: &'static str,
    /// A suite in maintenance.
    pub maintenance: &'static str,
    /// Clearing a suite between two batches.
    pub changeover: &'static str,
    /// Before the number of a day.
    pub day: &'static str,
    /// A batch that ends after its due time.
    pub late: &'static str,
}

impl GanttWords {
    /// English.
    pub const EN: Self = Self {
        language: "en",
        busy: "not available",
        maintenance: "maintenance",
        changeover: "changeover",
        day: "day ",
        late: "late",
    };
    /// Japanese.
    pub const JA: Self = Self {
        language: "ja",
        busy: "空きなし",
        maintenance: "保全",
        changeover: "切替え",
        day: "日目 ",
        late: "納期遅れ",
    };
}

const ROW: i64 = 24;
const TOP: i64 = 28;
const LEFT: i64 = 120;
const WIDTH_MIN: i64 = 900;
const WIDTH_MAX: i64 = 12_000;
/// Pixels of one character of a label.
const LETTER: i64 = 7;
/// Fills of tenants in turn: calm, none of them an alarm's.
const FILLS: [&str; 6] = ["#c9d6df", "#d9d2c5", "#cfdccb", "#d8cfdd", "#dcd8c0", "#c8dad8"];

/// Draws a plan. Placements that do not fit their route are left out.
#[must_use]
pub fn gantt(problem: &Problem, plan: &Plan, view: GanttView, words: &GanttWords) -> String {
    let stays = stays(problem, plan);
    let end = stays.iter().map(|stay| stay.span.end).max().unwrap_or(0).max(problem.now() + 1);
    let days = end.saturating_mul(i64::from(problem.slot_minutes())) / (24 * 60) + 1;
    let canvas = Canvas {
        problem,
        view,
        words,
        end,
        width: (days * 48).clamp(WIDTH_MIN, WIDTH_MAX),
        height: TOP + ROW * i64::try_from(problem.suites.len()).unwrap_or(0),
        days,
    };
    let mut svg = canvas.head(problem.name());
    for (row, (ix, suite)) in problem.suites().enumerate() {
        let top = TOP + ROW * i64::try_from(row).unwrap_or(0);
        let name = escaped(&suite.id);
        let _ = writeln!(svg, r#"<text x="4" y="{}">{name}</text>"#, top + 16);
        let here: Vec<&Stay> = stays.iter().filter(|stay| stay.suite == ix).collect();
        canvas.suite(&mut svg, ix, top, &here);
    }
    svg.push_str("</svg>\n");
    svg
}

/// One hold of a suite.
struct Stay<'p> {
    suite: SuiteIx,
    span: Window,
    ix: BatchIx,
    batch: &'p Batch,
    end: Slot,
}

/// All holds, by start.
fn stays<'p>(problem: &'p Problem, plan: &Plan) -> Vec<Stay<'p>> {
    let mut all = Vec::new();
    for (ix, placement) in plan.placed() {
        let Some(batch) = problem.batch(ix) else { continue };
        let Some(route) = batch.route(placement.route) else { continue };
        for (hold, suite) in route.suite_holds.iter().zip(&placement.suites) {
            let whole = placement.hold_span(route, hold.first, hold.last).zip(placement.span(route));
            if let Some((span, (_, end))) = whole {
                all.push(Stay { suite: *suite, span, ix, batch, end });
            }
        }
    }
    all.sort_by_key(|stay| (stay.span, stay.ix));
    all
}

struct Canvas<'p> {
    problem: &'p Problem,
    view: GanttView,
    words: &'p GanttWords,
    end: Slot,
    width: i64,
    height: i64,
    days: i64,
}

impl Canvas<'_> {
    fn x(&self, slot: Slot) -> i64 {
        LEFT + slot.clamp(0, self.end) * self.width / self.end.max(1)
    }

    fn head(&self, name: &str) -> String {
        let (width, height) = (LEFT + self.width + 8, self.height + 8);
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" lang="{}" font-family="sans-serif" font-size="12" fill="#222"><title>{}</title>
<defs><pattern id="shut" width="6" height="6" patternUnits="userSpaceOnUse"><path d="M0 6L6 0" stroke="#888"/></pattern></defs>
<rect width="{width}" height="{height}" fill="#f2f2f2"/>
"##,
            self.words.language,
            escaped(name)
        );
        let every = if self.days <= 28 { 1 } else { 7 };
        let per_day = 24 * 60 / i64::from(self.problem.slot_minutes().max(1)).max(1);
        for day in (0..=self.days).step_by(every) {
            let x = self.x(day * per_day.max(1));
            let _ = writeln!(
                svg,
                r##"<path d="M{x} {TOP}V{}" stroke="#ccc"/><text x="{x}" y="18">{}{}</text>"##,
                self.height,
                self.words.day,
                day + 1
            );
        }
        if self.problem.now() > 0 {
            let x = self.x(self.problem.now());
            let _ = writeln!(svg, r##"<path d="M{x} {TOP}V{}" stroke="#222" stroke-dasharray="4 3"/>"##, self.height);
        }
        svg
    }

    fn suite(&self, svg: &mut String, ix: SuiteIx, top: i64, stays: &[&Stay]) {
        let Some(suite) = self.problem.suite(ix) else { return };
        let own = |stay: &Stay| match self.view {
            GanttView::Planner => true,
            GanttView::Tenant(tenant) => stay.batch.tenant == tenant,
        };
        let changeovers: Vec<Window> = stays.windows(2).filter_map(|pair| self.changeover(pair)).collect();
        let foreign_reserved = suite.reserved.iter().filter(|(tenant, _)| match self.view {
            GanttView::Planner => false,
            GanttView::Tenant(own) => *tenant != own,
        });
        if self.view == GanttView::Planner {
            for window in &suite.maintenance {
                self.block(svg, top, *window, "url(#shut)", self.words.maintenance);
            }
            for window in changeovers {
                self.block(svg, top, window, "#e4e4e4", self.words.changeover);
            }
        } else {
            let others = stays.iter().filter(|stay| !own(stay)).map(|stay| stay.span);
            let shut = suite.maintenance.iter().chain(foreign_reserved.map(|(_, window)| window)).copied();
            for window in run_together(others.chain(shut).chain(changeovers).collect()) {
                self.block(svg, top, window, "#bbb", self.words.busy);
            }
        }
        let mut lane = (0, Slot::MIN);
        for stay in stays.iter().filter(|stay| own(stay)) {
            // Holds that share the suite are drawn one below the other.
            lane = if stay.span.start < lane.1 { (lane.0 + 1, lane.1.max(stay.span.end)) } else { (0, stay.span.end) };
            self.bar(svg, top + 3 * (lane.0 % 4), stay);
        }
    }

    /// The work between two holds that follow each other, right before the later one.
    fn changeover(&self, pair: &[&Stay]) -> Option<Window> {
        let [before, after] = pair else { return None };
        let time = self.problem.changeover(before.batch.family, after.batch.family).time;
        let start = before.span.end.max(after.span.start - time);
        (start < after.span.start).then(|| Window::new(start, after.span.start))
    }

    fn block(&self, svg: &mut String, top: i64, window: Window, fill: &str, what: &str) {
        let (x, until) = (self.x(window.start), self.x(window.end));
        if until > x {
            let _ = writeln!(
                svg,
                r#"<rect x="{x}" y="{}" width="{}" height="{}" fill="{fill}"><title>{what}, {}</title></rect>"#,
                top + 2,
                until - x,
                ROW - 4,
                when::window(self.problem, window)
            );
        }
    }

    fn bar(&self, svg: &mut String, top: i64, stay: &Stay) {
        let (x, until) = (self.x(stay.span.start), self.x(stay.span.end).max(self.x(stay.span.start) + 1));
        let late = stay.end > stay.batch.due;
        let fill = FILLS.get(stay.batch.tenant.row() % FILLS.len()).copied().unwrap_or("#ccc");
        let stroke = if late { r##"stroke="#222" stroke-width="2" stroke-dasharray="3 2""## } else { "" };
        let tenant = self.problem.tenant(stay.batch.tenant).map_or("", |tenant| tenant.id.as_str());
        let mark = if late { format!(", {}", self.words.late) } else { String::new() };
        let (id, tenant) = (escaped(&stay.batch.id), escaped(tenant));
        let _ = writeln!(
            svg,
            r#"<rect x="{x}" y="{}" width="{}" height="{}" fill="{fill}" {stroke}><title>{id} ({tenant}), {}{mark}</title></rect>"#,
            top + 4,
            until - x,
            ROW - 8,
            when::window(self.problem, stay.span)
        );
        if until - x > LETTER * i64::try_from(stay.batch.id.chars().count()).unwrap_or(i64::MAX / LETTER) {
            let sign = if late { "! " } else { "" };
            let _ = writeln!(svg, r#"<text x="{}" y="{}">{sign}{id}</text>"#, x + 3, top + 16);
        }
    }
}

/// Stretches that touch or overlap, as one.
fn run_together(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_unstable();
    let mut all: Vec<Window> = Vec::new();
    for window in windows {
        match all.last_mut() {
            Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
            _ => all.push(window),
        }
    }
    all
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
